// Whom the tool believes when it speaks TLS: the authorities of a file, or those of the system. Nothing makes it believe everybody.

import FantailCLI
import TLS

struct Trust: Sendable {
    /// Nil: the system's.
    let authority: String?

    /// `--ca FILE`, else HOME/secrets/ca.crt if it is there, as `deploy/run.sh --tls` makes it.
    init(_ arguments: Arguments, home: String) {
        let own = "\(home)/secrets/ca.crt"
        authority = arguments.value("ca") ?? (Files.exists(own) ? own : nil)
    }

    func context() throws(CommandFailure) -> TLSContext {
        do throws(TLSFileProblem) {
            return try TLSContext(trusting: authority)
        } catch {
            throw .failure("\(error)")
        }
    }
}
