"""xDLMS services (IEC 62056-5-3), one family per module; `urja.cosem.apdu` gathers them."""
