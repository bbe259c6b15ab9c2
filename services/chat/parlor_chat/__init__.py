"""Conversations, messages, moderation, holds and retention."""
