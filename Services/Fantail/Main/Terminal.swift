// The terminal in raw mode, and its safe return.
//
// Whatever ends the process, the person must get a usable terminal back. A normal end calls `leave()`. Signals that ask us to
// go arrive as readable bytes (signalfd), so they take the normal way too. For a crash there is a handler that needs no
// memory of how the terminal was: it switches on what raw mode switched off.

import CLinux
import FantailCLI
import Glibc

struct Terminal {
    private let original: termios
    /// Readable when a signal came.
    let signals: Int32

    /// Enters raw mode and the alternate screen.
    /// - Throws: when standard input is no terminal.
    init() throws(CommandFailure) {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { throw .failure("this is no terminal; try --plain") }
        original = settings
        var wanted = sigset_t()
        sigemptyset(&wanted)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH] { sigaddset(&wanted, signal) }
        sigprocmask(SIG_BLOCK, &wanted, nil)
        signals = signalfd(-1, &wanted, Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC))
        for crash in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] {
            signal(crash) { number in
                var settings = termios()
                tcgetattr(STDIN_FILENO, &settings)
                settings.c_iflag |= tcflag_t(ICRNL | IXON)
                settings.c_lflag |= tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
                tcsetattr(STDIN_FILENO, TCSANOW, &settings)
                _ = write(STDOUT_FILENO, ScreenPainter.leave.utf8Start, ScreenPainter.leave.utf8CodeUnitCount)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        settings.c_iflag &= ~tcflag_t(ICRNL | IXON | INLCR | IGNCR | ISTRIP)
        settings.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        System.write(ScreenPainter.enter)
    }

    func leave() {
        System.write("\(ScreenPainter.leave)")
        var settings = original
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        close(signals)
    }

    /// Rows and columns; 24 by 80 when the terminal does not say.
    static func size() -> (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else { return (24, 80) }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// The signals that came since the last call.
    func takeSignals() -> [Int32] {
        var numbers: [Int32] = []
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(signals, &info, size) == size { numbers.append(Int32(info.ssi_signo)) }
        return numbers
    }
}
