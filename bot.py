"""`python bot.py`: the main process, which launches the bot of this folder and keeps it alive."""

from liteyuki import LiteyukiBot

if __name__ == "__main__":
    LiteyukiBot().run()
