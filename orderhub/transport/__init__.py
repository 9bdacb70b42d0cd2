"""What connectors that speak over a network share: TLS, addresses that may be reached, sign-in, retry, rate limits, a circuit
breaker, and an HTTP client made of them. Knows no system in particular.
"""
