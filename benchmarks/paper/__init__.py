"""The paper's experiments at a scale that the machine allows: a module each, with presets, a result and a figure."""
