"""How each instrumentation library spells a call on its spans; one small file each."""
