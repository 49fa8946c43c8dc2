"""The xDLMS services (IEC 62056-5-3), one family a module; `urja.cosem.apdu` gathers them."""
