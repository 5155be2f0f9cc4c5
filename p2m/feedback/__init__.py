"""What was said of answers in service, as decisions for the next build; and whether what is asked has changed."""
