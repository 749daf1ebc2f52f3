"""What orchestration costs; see ``__main__``."""
