"""What providers' own objects say of a call: read alike wherever they are met."""
