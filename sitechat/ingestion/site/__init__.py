"""What reading a whole website needs to know, apart from the network: which pages may, should and need be read.

Every part works on bytes, text and addresses that a site's owner wrote and may have written with ill intent; each is
bounded in time and memory, and none of them fetches anything.
"""
