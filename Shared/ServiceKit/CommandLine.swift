// The command line that all services share.

import CoreKit

/// What the operator wrote behind the name of the service.
public struct ServiceOptions: Equatable, Sendable {
    /// Path of the cluster file.
    public var cluster: String
    /// Which node of it this process is.
    public var node: String
    /// Directory for everything this node keeps.
    public var data: String
    /// Path of the cluster's secret; default DATA/secrets/cluster.key.
    public var secret: String
    /// Path of the keys that clients' tokens are checked with; default DATA/secrets/tokens.keys.
    public var keys: String
    /// Path of the keys of the object store; default DATA/secrets/s3.keys.
    public var storeKeys: String
    /// Path of the keys with which a product's backend asks; default DATA/secrets/api.keys.
    public var apiKeys: String
    /// Path of the keys with which webhooks are signed; default DATA/secrets/webhook.keys.
    public var webhookKeys: String
    /// Path of the authorities that the receiver of webhooks may be certified by; default nil: those of the system.
    public var webhookAuthority: String?
    /// Where certificates are.
    public var certificates: CertificatePaths
    /// Default info.
    public var logLevel: LogLevel

    /// - Parameter certificates: default: where they are below `data`.
    package init(
        cluster: String, node: String, data: String, secret: String, keys: String, storeKeys: String, apiKeys: String? = nil, webhookKeys: String? = nil,
        webhookAuthority: String? = nil, certificates: CertificatePaths? = nil, logLevel: LogLevel
    ) {
        self.cluster = cluster
        self.node = node
        self.data = data
        self.secret = secret
        self.keys = keys
        self.storeKeys = storeKeys
        self.apiKeys = apiKeys ?? "\(data)/secrets/api.keys"
        self.webhookKeys = webhookKeys ?? "\(data)/secrets/webhook.keys"
        self.webhookAuthority = webhookAuthority
        self.certificates = certificates ?? CertificatePaths(data: data, node: node)
        self.logLevel = logLevel
    }
}

/// Files of certificates, keys and authorities, in PEM.
public struct CertificatePaths: Equatable, Sendable {
    /// What clients see; default DATA/secrets/tls.crt and tls.key.
    public var certificate: String
    public var key: String
    /// What other services see; default DATA/secrets/peers/NODE.crt and NODE.key.
    public var peerCertificate: String
    public var peerKey: String
    /// Whose certificates other services must show; default DATA/secrets/peers/ca.crt.
    public var peerAuthority: String

    /// The defaults.
    public init(data: String, node: String) {
        certificate = "\(data)/secrets/tls.crt"
        key = "\(data)/secrets/tls.key"
        peerCertificate = "\(data)/secrets/peers/\(node).crt"
        peerKey = "\(data)/secrets/peers/\(node).key"
        peerAuthority = "\(data)/secrets/peers/ca.crt"
    }
}

/// What a command line asks for.
package enum ServiceCommand: Equatable {
    case run(ServiceOptions)
    /// Ask the process that runs with these options.
    case probe(ServiceOptions, HealthProbe.Question)
    case help
    case version
    /// A sentence about what is wrong.
    case wrong(String)

    private static let flags = [
        "--cluster", "--node", "--data", "--secret", "--keys", "--store-keys", "--api-keys", "--webhook-keys", "--webhook-ca", "--tls-cert", "--tls-key", "--peer-cert", "--peer-key",
        "--peer-ca", "--log-level", "--probe",
    ]

    /// - Parameter words: without the name of the program. `--flag value` and `--flag=value` are the same.
    package static func parse(_ words: [String]) -> ServiceCommand {
        var values: [String: String] = [:]
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--help" || word == "-h" { return .help }
            if word == "--version" { return .version }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard flags.contains(parts[0]) else { return .wrong("\(parts[0]) is not an option") }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst(), !value.isEmpty else {
                return .wrong("\(parts[0]) needs a value")
            }
            guard values.updateValue(value, forKey: parts[0]) == nil else { return .wrong("\(parts[0]) is given twice") }
        }
        for flag in ["--cluster", "--node", "--data"] where values[flag] == nil { return .wrong("\(flag) is missing") }
        let levels: [LogLevel] = [.debug, .info, .warning, .error]
        let levelName = values["--log-level"] ?? "info"
        guard let level = levels.first(where: { $0.name == levelName }) else {
            return .wrong("--log-level is one of debug, info, warning, error, not \(levelName)")
        }
        let data = values["--data"]!
        var certificates = CertificatePaths(data: data, node: values["--node"]!)
        if let path = values["--tls-cert"] { certificates.certificate = path }
        if let path = values["--tls-key"] { certificates.key = path }
        if let path = values["--peer-cert"] { certificates.peerCertificate = path }
        if let path = values["--peer-key"] { certificates.peerKey = path }
        if let path = values["--peer-ca"] { certificates.peerAuthority = path }
        let options = ServiceOptions(
            cluster: values["--cluster"]!, node: values["--node"]!, data: data,
            secret: values["--secret"] ?? "\(data)/secrets/cluster.key",
            keys: values["--keys"] ?? "\(data)/secrets/tokens.keys",
            storeKeys: values["--store-keys"] ?? "\(data)/secrets/s3.keys", apiKeys: values["--api-keys"],
            webhookKeys: values["--webhook-keys"], webhookAuthority: values["--webhook-ca"], certificates: certificates, logLevel: level)
        guard let probe = values["--probe"] else { return .run(options) }
        guard let question = HealthProbe.Question(rawValue: probe) else { return .wrong("--probe is health or ready, not \(probe)") }
        return .probe(options, question)
    }

    static func usage(_ service: String, purpose: String) -> String {
        """
        \(service) (Fantail \(FantailVersion.text)): \(purpose)

        usage: \(service) --cluster FILE --node NAME --data DIR [options]

          --cluster FILE     the cluster file, the same for every process of the cluster
          --node NAME        the line of that file that this process is
          --data DIR         where this node keeps what it keeps
          --secret FILE      the cluster's secret (default: DIR/secrets/cluster.key)
          --keys FILE        keys that clients' tokens are checked with; gateways only
                             (default: DIR/secrets/tokens.keys)
          --store-keys FILE  keys of the object store that cluster.conf names; media only
                             (default: DIR/secrets/s3.keys)
          --api-keys FILE    keys with which a product's backend asks; api only (default: DIR/secrets/api.keys)
          --webhook-keys FILE  keys with which webhooks are signed, when cluster.conf names one; api only
                             (default: DIR/secrets/webhook.keys)
          --webhook-ca FILE  authorities that the receiver of webhooks may be certified by; api only
                             (default: those of the system)
          --tls-cert FILE    the certificate that clients see, and its key, with "tls clients=on"; gateways,
          --tls-key FILE     media and api only (default: DIR/secrets/tls.crt, DIR/secrets/tls.key)
          --peer-cert FILE   the certificate that other services see, its key, and the authority whose
          --peer-key FILE    certificates they must show, with "tls peers=on" (default:
          --peer-ca FILE     DIR/secrets/peers/NAME.crt, NAME.key and ca.crt)
          --log-level LEVEL  debug, info, warning or error (default: info); the log goes to stderr
          --probe QUESTION   asks the process that runs with these options, and ends: health (does it
                             answer?) or ready (can it do its work?)
          --version          prints the release and ends
          --help             prints this and ends

        exit status: 0 stopped by SIGTERM or SIGINT, --probe: yes; 1 an address or the store cannot be used,
        --probe: no; 64 wrong command line; 78 wrong configuration

        """
    }
}
