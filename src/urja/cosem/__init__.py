"""DLMS/COSEM without input or output: bytes in, values, events and bytes out; for clients and for meters.

Clauses are cited by the numbers of the DLMS User Association's books, which the IEC publishes: *Green Book*
is DLMS UA 1000-2, edition 8 (IEC 62056-5-3; its 9.2 is clause 5 there), *Blue Book* is DLMS UA 1000-1 (IEC
62056-6-1 and 62056-6-2).
"""
