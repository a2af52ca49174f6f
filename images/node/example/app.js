const server = require("http").createServer((request, response) => response.end("hello from " + request.url));
server.listen(18081, "127.0.0.1", async () => {
    console.log(await (await fetch("http://127.0.0.1:18081/node")).text());
    process.exit();
});
