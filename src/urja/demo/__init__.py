"""The demonstration: a town of simulated meters with residents, clerks and stand-ins for outside services, and its
control.
"""
