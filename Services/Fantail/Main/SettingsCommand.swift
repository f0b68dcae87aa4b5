// fantail settings: who sees when you are here, who learns what you have read, of whom you want to hear nothing.

import ChatClient
import ClientProtocol
import FantailCLI
import Primitives
import Privacy

enum SettingsCommand {
    static let spec = CommandSpec(
        "settings", "Privacy and blocks: show them, change them", synopsis: "VERB --as USER [OPTIONS]",
        options: [
            OptionSpec("except", "NAMES", "with last-seen: for these the opposite holds, names with commas; \"\" for none"),
            OptionSpec("device", "D", "your device; default cli"),
            OptionSpec("timeout", "TIME", "how long to wait for the answer; default 30s"),
        ] + connectionOptions,
        notes: [
            "Verbs:", CommandSpec.aligned(SettingsOrder.forms),
            "Each ends by printing all settings as they are now. A change is on disk then, and holds on all devices.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let me = try arguments.user("as")
        let order = try SettingsOrder(arguments.operands, except: arguments.value("except"), me: me)
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        let settings = try inquiry.ask({ courier, ref throws(CommandFailure) in
            try courier.request(order, ref: ref)
        }) { news, ref -> UserSettings? in
            if case .settings(ref, let settings) = news { settings } else { nil }
        }
        System.print(SettingsOrder.rows(settings))
        try courier.stop()
        return 0
    }
}
