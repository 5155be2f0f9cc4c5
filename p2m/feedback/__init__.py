"""What was said of answers in service, as decisions for the next build; and whether service has changed."""
