"""Trading partner agreements: who sends, under which identifiers, and what happens with what they send."""
