"""Every way of making a billable call, as one table."""
