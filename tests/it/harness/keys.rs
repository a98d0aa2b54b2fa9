//! A pair of keys of age that protects nothing.

/// The public key. It goes into `backup_recipients` of the server's configuration.
pub const RECIPIENT: &str = "age13kg0nqqxgfmp22d3s70rv2dftpnw26pt4wzp0986qz4xy4wxgupqsr6jv5";

/// The private key: the content of a key file.
pub const IDENTITY: &str = "AGE-SECRET-KEY-1ZM3DW8J7K6P5XUKE23WVLXCN8HFXYYLX7SUL5FAJZY30YL0P2XFQWAXPAF";
