"""Known objects taken apart and put together again, under conditions that can be made hard."""
