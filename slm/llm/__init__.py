"""Everything that is paid: one client of OpenAI-compatible servers, prices, budget, replies kept."""
