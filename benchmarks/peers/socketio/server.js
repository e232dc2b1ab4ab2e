// A chat as the Socket.IO documentation teaches it: a session is a room, and each message goes to everyone in it,
// through the redis-streams adapter. Packages and options are those of the adapter's page: no native add-ons of ws, no
// connection state recovery. It relays the envelope it gets: the adapter adds each message to one Redis Stream of about
// 10,000 entries before it is delivered, but nothing is validated or deduplicated.
//
// `node server.js PORT`; STORE_URL in the environment names its Redis or Valkey.

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const store = createClient({ url: process.env.STORE_URL });
await store.connect();

const http = createServer();
const io = new Server(http, { adapter: createAdapter(store) });

io.on("connection", (socket) => {
  const { session } = socket.handshake.auth;
  socket.join(session);
  socket.on("chat.message", (message) => io.to(session).emit("chat.message", message));
});

http.listen(Number(process.argv[2]), "127.0.0.1");
