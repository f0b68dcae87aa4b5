// Group
