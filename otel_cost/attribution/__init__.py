"""Who a call is for."""
