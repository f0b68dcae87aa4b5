// Work that waits for the net or the disk, aside: a window goes on while a film is uploaded.

import CLinux
import Glibc
import Synchronization

/// A thread for each piece of work; its result comes back readable.
final class Background<Result: Sendable>: Sendable {
    private let results = Mutex<[Result]>([])
    /// Readable when there are results.
    let descriptor: Int32

    init() { descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC)) }

    deinit { close(descriptor) }

    func run(_ work: @escaping @Sendable () -> Result) {
        let box = Unmanaged.passRetained(Body { [self] in
            let result = work()
            results.withLock { $0.append(result) }
            eventfd_write(descriptor, 1)
        })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        precondition(code == 0, "pthread_create: \(System.errorText(code))")
        pthread_detach(thread)
    }

    /// What is done, in the order in which it was.
    func take() -> [Result] {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        return results.withLock { results in
            defer { results = [] }
            return results
        }
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
