// Bytes of files that an operator hands over.

import Cluster
import Tokens

extension FuzzTarget {
    static var fileTargets: [FuzzTarget] {
        [
            FuzzTarget("cluster-file", seeds: [clusterSeed], run: clusterFile),
            FuzzTarget("key-file", seeds: [Array(ascii: "k1 HS256 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA sign\n# a comment\nk2 EdDSA AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")], run: keyFile),
        ]
    }

    private static let clusterSeed = Array(
        ascii: """
            cluster fuzz
            epoch 1
            store archive
            expiry 30d
            gateway gateway-1 127.0.0.1:7100 127.0.0.1:7200 client=127.0.0.1:8080
            parser parser-1 127.0.0.1:7110 127.0.0.1:7210
            session session-1 127.0.0.1:7120 127.0.0.1:7220 weight=2
            session session-2 box:7121 box:7221 weight=1 # a name
            group group-1 127.0.0.1:7130 127.0.0.1:7230
            last-seen last-seen-1 127.0.0.1:7150 127.0.0.1:7250
            persistence persistence-1 127.0.0.1:7140 127.0.0.1:7240
            media media-1 127.0.0.1:7161 127.0.0.1:7261 client=127.0.0.1:8082 public=https://files.example.org/m store=s3:http://127.0.0.1:9000/files region=eu-1

            """)

    /// A cluster that was understood is the same after it was written down.
    private static func clusterFile(_ bytes: [UInt8]) {
        do throws(ClusterFileError) {
            let cluster = try ClusterMap.parse(bytes)
            demand((try? ClusterMap.parse(cluster.render())) == cluster, "a cluster survives its own text")
        } catch {
            demand(!"\(error)".isEmpty, "a refusal has words")
        }
    }

    private static func keyFile(_ bytes: [UInt8]) {
        do throws(TokenKeyFileError) {
            let keys = try TokenKeySet(parsing: bytes)
            let text = keys.keys.map { $0.fileLine + "\n" }.joined()
            demand((try? TokenKeySet(parsing: text)) == keys, "keys survive their own text")
        } catch {
            demand(!error.sentence.isEmpty, "a refusal has words")
        }
    }
}
