"""Tests of the patient's page. A package, so that they share one browser, one server, one event loop."""
