// The bounds of what a user may set, in one place, with reasons.

public enum PrivacyLimits {
    /// Names in the list of exceptions to who sees last seen. Every shard that answers for the user keeps them in memory, and a
    /// frame of settings carries them; 256 of the longest names are 17 KiB. More people than that are a rule, not an exception.
    public static let exceptionCountMax = 256

    /// Users that somebody may block. 1,024 of the longest names are 67 KiB, and 120 KiB as a frame with the exceptions: far
    /// below what a frame may have. Who is harassed by more needs the product's help, not a longer list.
    public static let blockCountMax = 1_024
}
