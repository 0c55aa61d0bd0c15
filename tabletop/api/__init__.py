"""The front door: what `import tabletop` gives, and the stages of a run that the command line calls, too."""
