// CoreKit
