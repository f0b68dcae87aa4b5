// Files that were compiled into this binary: a C target with `#embed` hands them out by number.

public enum EmbeddedFiles {
    /// Of C: the bytes of the file with this number, its name and length; nil behind the last one.
    public typealias Source = (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>, UnsafeMutablePointer<Int>) -> UnsafePointer<UInt8>?

    /// All of them, copied once. Linear in their bytes.
    public static func all(_ source: Source) -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = []
        var name: UnsafePointer<CChar>?
        var count = 0
        while let bytes = source(Int32(files.count), &name, &count), let name {
            files.append((String(cString: name), Array(UnsafeBufferPointer(start: bytes, count: count))))
        }
        return files
    }
}
