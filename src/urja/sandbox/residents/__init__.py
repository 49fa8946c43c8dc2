"""Residents of the demonstration's town: they sign in, check their balance and recharge by habit, through the pages
only.
"""
