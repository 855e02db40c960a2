"""What ships for tests: contract suites for every port, and fakes that behave badly when told to. No test is here."""
