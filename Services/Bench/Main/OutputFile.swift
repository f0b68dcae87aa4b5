// A file for a report. It is opened before the run, so that a path that cannot be written is told at once and not after an
// hour of load.

import FantailCLI
import Glibc

struct OutputFile: ~Copyable {
    private let path: String
    private let descriptor: Int32

    /// nil without that option.
    init?(_ arguments: Arguments, _ option: String) throws(CommandFailure) {
        guard let path = arguments.value(option) else { return nil }
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .failure("cannot write \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Replaces what the file held.
    func write(_ text: String) throws(CommandFailure) {
        ftruncate(descriptor, 0)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .failure("cannot write \(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }
}
