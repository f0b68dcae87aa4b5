// swift-tools-version: 6.0
//
// Fantail: a suite of separate executables around pure cores.
// No package dependencies; engines come as system libraries behind module maps (Shared/CSQLite, Shared/COpenSSL).
import PackageDescription

/// A module under `Shared`, used by several services.
func shared(_ name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)")
}

/// A service: its pure core as a library, and the executable that wires the core to the loop.
func service(
    _ executable: String, folder: String, core: [Target.Dependency], main: [Target.Dependency] = []
) -> [Target] {
    [
        .target(name: "\(folder)Core", dependencies: core, path: "Services/\(folder)/Core"),
        .executableTarget(
            name: executable, dependencies: [.init(stringLiteral: "\(folder)Core"), "ServiceKit"] + main,
            path: "Services/\(folder)/Main"),
    ]
}

/// Unit tests of one module, in `Tests/<module>Tests`.
func tests(of name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + dependencies, path: "Tests/\(name)Tests")
}

let package = Package(
    name: "fantail",
    targets: [
        // C libraries and system calls that the Swift overlay does not export.
        .systemLibrary(name: "CLinux", path: "Shared/CLinux"),
        .systemLibrary(
            name: "COpenSSL", path: "Shared/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Shared/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Pure: no Glibc, no Foundation, no clock, no dice.
        shared("Primitives"),
        shared("Ring", uses: ["Primitives"]),
        shared("Cluster", uses: ["Primitives", "Groups", "Ring"]),
        shared("Groups", uses: ["Primitives"]),
        shared("Messages", uses: ["Primitives", "Groups"]),
        shared("Storage", uses: ["Primitives", "Messages"]),
        shared("RPC", uses: ["Primitives", "Messages"]),
        shared("CoreKit", uses: ["Primitives", "ClientProtocol", "Messages", "RPC", "Storage"]),
        shared("WebSocket", uses: ["Primitives"]),
        shared("ClientProtocol", uses: ["Primitives", "Groups"]),
        shared("Tokens", uses: ["Primitives", "Groups"]),
        shared("ChatClient", uses: ["Primitives", "ClientProtocol", "Groups", "WebSocket"]),

        // The floor on which system calls live.
        shared("Crypto", uses: ["COpenSSL", "Primitives", "Tokens", "RPC", "WebSocket"]),
        shared("ServiceKit", uses: ["CLinux", "Crypto", "CoreKit", "RPC", "Cluster", "Primitives", "Messages", "Storage"]),
    ]
        + service(
            "gateway", folder: "Gateway",
            core: ["CoreKit", "Messages", "Cluster", "Ring", "WebSocket", "Tokens", "Primitives"], main: ["Crypto"])
        + service(
            "parser", folder: "Parser",
            core: ["CoreKit", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives"])
        + service(
            "session", folder: "Session",
            core: ["CoreKit", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives"])
        + service(
            "group", folder: "Group",
            core: ["CoreKit", "Messages", "Cluster", "Ring", "ClientProtocol", "Groups", "Primitives"])
        + service("last-seen", folder: "LastSeen", core: ["CoreKit", "Messages", "ClientProtocol", "Primitives"])
        + service(
            "persistence", folder: "Persistence", core: ["CoreKit", "Messages", "Cluster", "Ring", "Storage", "Primitives"],
            main: ["SQLiteStore"])
        + [
            .target(
                name: "SQLiteStore", dependencies: ["CSQLite", "Storage", "Messages", "Groups", "Primitives"],
                path: "Services/Persistence/SQLiteStore"),
            // The command-line tool: what is pure of it as a library, and the executable that meets the machine.
            .target(
                name: "FantailCLI",
                dependencies: ["ChatClient", "ClientProtocol", "Cluster", "CoreKit", "Groups", "Primitives", "Ring", "Tokens"],
                path: "Services/Fantail/Kit"),
            .executableTarget(
                name: "fantail",
                dependencies: [
                    "FantailCLI", "ChatClient", "ClientProtocol", "CLinux", "Cluster", "CoreKit", "Crypto", "Groups", "Primitives", "Ring",
                    "Tokens", "WebSocket",
                ],
                path: "Services/Fantail/Main"),

            // The load tool, split likewise.
            .target(
                name: "BenchKit",
                dependencies: ["FantailCLI", "ChatClient", "ClientProtocol", "Cluster", "Groups", "Primitives", "Ring", "WebSocket"],
                path: "Services/Bench/Kit"),
            .executableTarget(
                name: "bench",
                dependencies: [
                    "BenchKit", "FantailCLI", "ChatClient", "ClientProtocol", "CLinux", "Cluster", "Crypto", "Groups", "Messages", "Primitives", "RPC",
                    "SQLiteStore", "ServiceKit", "Storage", "Tokens", "WebSocket",
                ],
                path: "Services/Bench/Main"),

            // The simulator: a whole cluster of the real cores in one process.
            .target(
                name: "Simulation",
                dependencies: [
                    "GatewayCore", "ParserCore", "SessionCore", "GroupCore", "LastSeenCore", "PersistenceCore",
                    "ChatClient", "ClientProtocol", "CoreKit", "Groups", "RPC", "Cluster", "Ring", "Storage", "Tokens", "Crypto", "WebSocket",
                ],
                path: "Tests/Simulation/World"),
            .executableTarget(name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulation/Simulate"),

            tests(of: "Primitives"),
            tests(of: "Ring"),
            tests(of: "Cluster", uses: ["Ring"]),
            tests(of: "Groups"),
            tests(of: "Messages", uses: ["Groups"]),
            tests(of: "RPC"),
            tests(of: "WebSocket", uses: ["Crypto"]),
            tests(of: "ClientProtocol"),
            tests(of: "Tokens", uses: ["Crypto"]),
            tests(of: "Crypto"),
            tests(of: "CoreKit", uses: ["Crypto"]),
            tests(of: "ChatClient", uses: ["Crypto"]),
            tests(of: "GatewayCore", uses: ["Crypto"]),
            tests(of: "ParserCore"),
            tests(of: "SessionCore"),
            tests(of: "PersistenceCore"),
            tests(of: "GroupCore", uses: ["Simulation"]),
            tests(of: "SQLiteStore", uses: ["CSQLite", "Simulation", "Storage"]),
            tests(of: "ServiceKit", uses: ["CoreKit", "RPC", "Cluster", "Messages", "Storage", "Primitives"]),
            tests(of: "Simulation"),
            tests(of: "BenchKit", uses: ["ChatClient", "ClientProtocol", "Cluster", "FantailCLI", "Groups", "Primitives"]),
            tests(of: "FantailCLI", uses: ["ChatClient", "ClientProtocol", "Cluster", "Primitives"]),
        ],
    swiftLanguageModes: [.v6]
)
