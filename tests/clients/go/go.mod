module cpss-client

go 1.19
