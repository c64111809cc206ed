"""What a customer is worth: how often they buy, how much, how long they renew."""
