// gateway: where clients come in.
//
// Purpose    Terminates WebSocket (RFC 6455) on the address `client=` of its line in cluster.conf, checks the token once, at the
//            upgrade, and then moves opaque frames: up to a parser, down from whoever has something for a client.
// Requests   Of clients: GET /v1/ws (the WebSocket), GET / and the files of the web client, /v1/login. Of services: frames for a connection, orders to close one,
//            and news of which session shard holds one. It answers no calls.
// State      Its open connections. A crash loses them; clients come back to any gateway and resume from their cursors.
// Touches    The key file with which tokens are checked (default DATA/secrets/tokens.keys), read once at start; with TLS its certificate
//            and key (default DATA/secrets/tls.crt and tls.key), looked at every two seconds.
// Settings   The common ones (--help). Origins of web pages: `origins` in cluster.conf, default the gateway's own host. What one
//            user and one address may ask for: `limits` in cluster.conf, default 5,000 frames, 8,192 KiB and 5,000 connections
//            a second. Tokens for any name, for development on this machine: `login development`, default off.
// Weaknesses Plain TCP without `tls clients=on` in cluster.conf. A user's limits are those of each gateway; who leaves and comes again begins anew.

import Crypto
import GatewayCore
import GatewayPage
import ServiceKit
import Tokens

ServiceHost.run(.gateway, purpose: "where clients come in") { start throws(StartFailure) in
    let path = start.options.keys
    let file = try start.readSecretFile(path, what: "the key file", limitBytes: TokenLimits.keyFileBytesMax)
    let keys: TokenKeySet
    do throws(TokenKeyFileError) {
        keys = try TokenKeySet(parsing: file)
    } catch {
        throw StartFailure(.wrongConfiguration, "\(path): \(error.sentence)")
    }
    let crypto = start.crypto
    var login: DevelopmentLogin?
    if start.cluster.hasDevelopmentLogin {
        guard let key = keys.signingKey else {
            throw StartFailure(.wrongConfiguration, TokenKeySet.loginRefusal(path: path))
        }
        login = DevelopmentLogin(minter: TokenMinter(signatures: crypto), key: key)
    }
    // Where the links of media nodes lead.
    let mediaOrigins = start.cluster.nodes(of: .media).compactMap { node in node.publicURL?.origin ?? node.client.map(start.cluster.clientOrigin) }
    return GatewayCore(
        selfID: start.selfID, cluster: start.cluster, verifier: TokenVerifier(keys: keys, signatures: crypto),
        sha1: { crypto.sha1($0) }, page: PageFiles(EmbeddedFiles.all(gateway_page_file), mediaOrigins: mediaOrigins) { crypto.sha1($0) }, login: login, dice: start.dice(),
        startedAt: start.startedAt)
}
