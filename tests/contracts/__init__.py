"""What every transport promises, as suites that each of them passes."""
