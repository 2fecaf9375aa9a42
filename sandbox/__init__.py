"""Simulators of Fly, GitHub and Slack, the demo page and the tour; imports nothing from bot."""
