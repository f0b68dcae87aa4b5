// LastSeen
