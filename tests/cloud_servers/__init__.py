"""Small servers on loopback that speak as Google and Azure do, as far as buckets are asked here.

They were compared with fake-gcs-server and with Azurite; the tests of `az://` use Azurite as well where it is
installed.
"""
