// swift-tools-version: 6.0
//
// Fantail: a suite of separate executables around pure cores.
// Every module that a target imports stands in its list, also what another one would bring along: a target that is not
// compiled again when a module changes goes on with the old layout of its types, and crashes.
// No package dependencies; engines come as system libraries behind module maps (Shared/CSQLite, Shared/CPostgres, Shared/COpenSSL).
import PackageDescription

/// A module under `Shared`, used by several services.
func shared(_ name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)")
}

/// What every service's executable touches, be it only by handing on the start it was given.
let shell: [Target.Dependency] = ["Cluster", "CoreKit", "Crypto", "Groups", "Media", "Monitor", "Primitives", "Ring", "ServiceKit", "Storage", "TLS"]

/// A service: its pure core as a library, and the executable that wires the core to the loop.
func service(
    _ executable: String, folder: String, core: [Target.Dependency], main: [Target.Dependency] = []
) -> [Target] {
    [
        .target(name: "\(folder)Core", dependencies: core, path: "Services/\(folder)/Core"),
        .executableTarget(
            name: executable, dependencies: [.init(stringLiteral: "\(folder)Core")] + shell + main,
            path: "Services/\(folder)/Main"),
    ]
}

/// Unit tests of one module, in `Tests/<module>Tests`; all use Primitives.
func tests(of name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    let primitives: [Target.Dependency] = name == "Primitives" ? [] : ["Primitives"]
    return .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + primitives + dependencies,
        path: "Tests/\(name)Tests")
}

/// What tests of a service's core speak.
let coreWords: [Target.Dependency] = ["Cluster", "CoreKit", "Media", "Messages", "RPC"]

/// What a simulated cluster is made of.
let simulated: [Target.Dependency] = [
    "GatewayCore", "ParserCore", "SessionCore", "GroupCore", "LastSeenCore", "PersistenceCore", "ChatClient",
    "ClientProtocol", "CoreKit", "Groups", "Media", "Messages", "Primitives", "Privacy", "RPC", "Cluster", "Ring",
    "Storage", "Tokens", "Crypto", "WebSocket",
]

let package = Package(
    name: "fantail",
    targets: [
        // C libraries and system calls that the Swift overlay does not export.
        .systemLibrary(name: "CLinux", path: "Shared/CLinux"),
        .systemLibrary(
            name: "COpenSSL", path: "Shared/COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", path: "Shared/CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Shared/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Pure: no Glibc, no Foundation, no clock, no dice.
        shared("Primitives"),
        shared("Ring", uses: ["Primitives"]),
        shared("Cluster", uses: ["Primitives", "Groups", "Ring"]),
        shared("Groups", uses: ["Primitives"]),
        shared("Privacy", uses: ["Primitives"]),
        shared("Media", uses: ["Primitives"]),
        shared("Messages", uses: ["Primitives", "Groups", "Media", "Privacy"]),
        shared("Storage", uses: ["Primitives", "Media", "Messages", "Privacy"]),
        shared("RPC", uses: ["Primitives", "Media", "Messages", "Privacy"]),
        shared("Monitor", uses: ["Primitives", "Cluster", "Ring"]),
        shared("CoreKit", uses: ["Primitives", "ClientProtocol", "Cluster", "Groups", "Media", "Messages", "Privacy", "RPC", "Ring", "Storage"]),
        shared("WebSocket", uses: ["Primitives"]),
        shared("ClientProtocol", uses: ["Primitives", "Groups", "Media", "Privacy"]),
        shared("Tokens", uses: ["Primitives", "Groups"]),
        shared("ChatClient", uses: ["Primitives", "ClientProtocol", "Groups", "Media", "Privacy", "WebSocket"]),

        // The floor on which system calls live.
        shared("Crypto", uses: ["COpenSSL", "Primitives", "Tokens", "RPC", "WebSocket"]),
        // AES-GCM for connections that are silent nearly always, behind OpenSSL's own door for ciphers.
        .target(name: "CIdleCiphers", dependencies: ["COpenSSL"], path: "Shared/CIdleCiphers"),
        shared("TLS", uses: ["CIdleCiphers", "COpenSSL", "Primitives"]),
        shared(
            "ServiceKit",
            uses: ["CLinux", "Crypto", "CoreKit", "RPC", "Cluster", "Media", "Monitor", "Primitives", "Messages", "Ring", "StatusPage", "Storage", "TLS"]),
        // The page that every admin port serves, compiled in by C's #embed.
        .target(name: "StatusPage", path: "Shared/StatusPage", exclude: ["files"]),
    ]
        + service(
            "gateway", folder: "Gateway",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "WebSocket", "Tokens", "Primitives"],
            main: ["GatewayPage", "Tokens"])
        + [
            // The web client, compiled into the gateway likewise.
            .target(name: "GatewayPage", path: "Services/Gateway/Page", exclude: ["files"])
        ]
        + service(
            "parser", folder: "Parser",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives", "Privacy"])
        + service(
            "session", folder: "Session",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives", "Privacy"])
        + service(
            "group", folder: "Group",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives", "Privacy"])
        + service(
            "last-seen", folder: "LastSeen",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives", "Privacy"])
        + service(
            "persistence", folder: "Persistence", core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "Storage", "Primitives", "Privacy"],
            main: ["PostgresStore", "SQLiteStore"])
        + service(
            "media", folder: "Media",
            core: ["CoreKit", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Media", "Primitives", "Privacy", "WebSocket"],
            main: ["MediaFileStore", "MediaObjectStore"])
        + service(
            "api", folder: "API",
            core: ["CoreKit", "Media", "RPC", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives", "Privacy", "WebSocket"],
            main: ["APIDescription", "HookPoster", "HookStore"])
        + [
            .target(
                name: "HookStore", dependencies: ["CoreKit", "Primitives", "SQLiteStore", "Storage"], path: "Services/API/HookStore"),
            .target(
                name: "HookPoster", dependencies: ["CLinux", "Cluster", "CoreKit", "Crypto", "Primitives", "TLS"],
                path: "Services/API/HookPoster"),
            // The OpenAPI description, compiled in likewise.
            .target(name: "APIDescription", path: "Services/API/Description", exclude: ["files"]),
            .target(
                name: "MediaFileStore",
                dependencies: ["CLinux", "COpenSSL", "Crypto", "Media", "Primitives", "SQLiteStore", "Storage"],
                path: "Services/Media/FileStore"),
            .target(
                name: "MediaObjectStore", dependencies: ["CLinux", "Cluster", "Crypto", "Media", "Primitives"],
                path: "Services/Media/ObjectStore"),
            .target(
                name: "SQLiteStore", dependencies: ["CSQLite", "Storage", "Media", "Messages", "Groups", "Primitives", "Privacy"],
                path: "Services/Persistence/SQLiteStore"),
            .target(
                name: "PostgresStore", dependencies: ["CPostgres", "Storage", "Media", "Messages", "Groups", "Primitives", "Privacy"],
                path: "Services/Persistence/PostgresStore"),
            // The command-line tool: what is pure of it as a library, and the executable that meets the machine.
            .target(
                name: "FantailCLI",
                dependencies: ["ChatClient", "ClientProtocol", "Cluster", "CoreKit", "Groups", "Media", "Monitor", "Primitives", "Privacy", "Ring", "Tokens"],
                path: "Services/Fantail/Kit"),
            .executableTarget(
                name: "fantail",
                dependencies: [
                    "FantailCLI", "ChatClient", "ClientProtocol", "CLinux", "Cluster", "CoreKit", "Crypto", "Groups", "Media", "Messages", "Monitor", "Primitives", "PostgresStore", "Privacy",
                    "Ring", "SQLiteStore", "Storage", "TLS", "Tokens", "WebSocket",
                    // Whoever reads secrets: check reads them likewise.
                    "APICore", "MediaObjectStore", "ServiceKit",
                ],
                path: "Services/Fantail/Main"),

            // The load tool, split likewise.
            .target(
                name: "BenchKit",
                dependencies: ["FantailCLI", "ChatClient", "ClientProtocol", "Cluster", "Groups", "Media", "Messages", "Primitives", "Privacy", "RPC", "Ring", "WebSocket"],
                path: "Services/Bench/Kit"),
            .executableTarget(
                name: "bench",
                dependencies: [
                    "BenchKit", "FantailCLI", "ChatClient", "ClientProtocol", "CLinux", "Cluster", "CoreKit", "Crypto", "Groups", "LastSeenCore", "Media", "Messages", "Primitives", "Privacy", "RPC", "Ring",
                    "SQLiteStore", "ServiceKit", "Storage", "TLS", "Tokens", "WebSocket",
                ],
                path: "Services/Bench/Main"),

            // The simulator: a whole cluster of the real cores in one process.
            .target(
                name: "Simulation",
                dependencies: simulated,
                path: "Tests/Simulation/World"),
            .executableTarget(name: "simulate", dependencies: ["Simulation"] + simulated, path: "Tests/Simulation/Simulate"),

            // Parsers under bytes that nobody would send; libFuzzer drives them where it is linked in.
            .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
            .target(
                name: "FuzzTargets",
                dependencies: [
                    "APICore", "ClientProtocol", "Cluster", "CoreKit", "Crypto", "FantailCLI", "Groups", "Media", "Messages", "Primitives", "RPC", "Tokens",
                    "WebSocket",
                ],
                path: "Tests/Fuzz/Targets"),
            .executableTarget(name: "fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "Tests/Fuzz/Fuzz"),

            tests(of: "Primitives"),
            tests(of: "Ring"),
            tests(of: "Cluster", uses: ["Ring"]),
            tests(of: "Groups"),
            tests(of: "Privacy"),
            tests(of: "Media"),
            tests(of: "Monitor", uses: ["Cluster"]),
            tests(of: "MediaFileStore", uses: ["Crypto", "Media"]),
            tests(of: "MediaObjectStore", uses: ["Cluster", "Crypto", "Media"]),
            tests(of: "Messages", uses: ["Groups", "Media", "Privacy"]),
            tests(of: "RPC", uses: ["Messages"]),
            tests(of: "WebSocket", uses: ["Crypto"]),
            tests(of: "ClientProtocol", uses: ["Groups", "Media", "Privacy"]),
            tests(of: "Tokens", uses: ["Crypto"]),
            tests(of: "Crypto"),
            tests(of: "TLS"),
            tests(of: "CoreKit", uses: ["Cluster", "Crypto", "Messages", "RPC", "Storage"]),
            tests(of: "ChatClient", uses: ["Crypto", "ClientProtocol", "Groups", "Privacy", "WebSocket"]),
            tests(of: "GatewayCore", uses: coreWords + ["Crypto", "Tokens", "WebSocket"]),
            tests(of: "ParserCore", uses: coreWords + ["ClientProtocol", "Privacy"]),
            tests(of: "APICore", uses: coreWords + ["ClientProtocol", "Groups"]),
            tests(of: "MediaCore", uses: coreWords + ["ClientProtocol"]),
            tests(of: "SessionCore", uses: coreWords + ["ClientProtocol", "Groups", "Privacy"]),
            tests(of: "PersistenceCore", uses: coreWords + ["Privacy", "Storage"]),
            tests(of: "LastSeenCore", uses: coreWords + ["ClientProtocol", "Privacy"]),
            tests(of: "GroupCore", uses: coreWords + ["ClientProtocol", "Groups", "Simulation", "Storage"]),
            tests(of: "SQLiteStore", uses: ["CSQLite", "Messages", "PostgresStore", "Privacy", "Simulation", "Storage"]),
            tests(of: "ServiceKit", uses: ["CoreKit", "RPC", "Cluster", "Messages", "Monitor", "Storage", "TLS"]),
            tests(of: "Simulation"),
            tests(of: "BenchKit", uses: ["ChatClient", "ClientProtocol", "Cluster", "FantailCLI", "Groups"]),
            tests(of: "FantailCLI", uses: ["ChatClient", "ClientProtocol", "Cluster", "Groups", "Monitor", "Privacy"]),
        ],
    swiftLanguageModes: [.v6]
)
