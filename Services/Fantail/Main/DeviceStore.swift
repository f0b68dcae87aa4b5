// What one device keeps on disk: `HOME/clients/USER@DEVICE/` with `memory`, `history.log` and `lock`.
//
// The order of writes is the promise. A number counts as seen only when its line is in the history and on the disk; the
// memory follows; the acknowledgement leaves last. After a crash the history may be ahead of the memory, and wins.

import ChatClient
import FantailCLI
import Glibc
import Primitives

final class DeviceStore {
    private let folder: String
    private let log: Int32
    private let lock: Int32
    private(set) var memory: ClientMemory
    private(set) var book: ChatBook

    /// Opens the store of a device, makes it when there is none.
    /// - Throws: when another process has the device, or the disk says no.
    init(home: String, user: UserID, device: DeviceID) throws(CommandFailure) {
        let folder = "\(home)/clients/\(user)@\(device)"
        try Files.makeFolder(folder, mode: 0o700)
        let lock = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .failure("cannot open \(folder)/lock: \(System.lastError)") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw .failure(
                "\(user)'s device \(device) is open in another window; close that one, or be another device with --device NAME")
        }
        var memory = ClientMemory()
        if let bytes = try Files.read("\(folder)/memory", limit: 256 * 1024 * 1024) {
            guard let parsed = MemoryFile.parse(bytes) else {
                throw .failure("\(folder)/memory is damaged; move the folder away to start over as a new device")
            }
            memory = parsed
        }
        let history = try Files.read("\(folder)/history.log") ?? []
        book = ChatBook(HistoryEvent.parse(log: history[...]))
        if let highest = book.highestNumber { memory.cursor = max(memory.cursor ?? 0, highest) }
        self.memory = memory
        self.folder = folder
        self.lock = lock
        log = open("\(folder)/history.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw .failure("cannot open \(folder)/history.log: \(System.lastError)") }
        // A crash may have cut the last line; the next one must not continue it.
        if let last = history.last, last != 0x0A { try Files.append([0x0A], to: log, path: folder) }
    }

    deinit {
        close(log)
        close(lock)
    }

    /// Makes events durable; on return they are on the disk.
    /// - Returns: those that were new.
    func record(_ events: [HistoryEvent]) throws(CommandFailure) -> [HistoryEvent] {
        var fresh: [HistoryEvent] = []
        var lines: [UInt8] = []
        for event in events where book.apply(event) {
            fresh.append(event)
            lines += event.line
        }
        if !lines.isEmpty { try Files.append(lines, to: log, path: "\(folder)/history.log") }
        return fresh
    }

    /// Makes the memory durable when it changed.
    func remember(_ new: ClientMemory) throws(CommandFailure) {
        guard new != memory else { return }
        try Files.replace("\(folder)/memory", with: MemoryFile.render(new))
        memory = new
    }
}
