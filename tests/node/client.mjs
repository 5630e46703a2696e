// The TypeScript SDK's client, told what to do: `node client.mjs legacy|auto URL | COMMAND ARGUMENT...`.
//
// Standard input is a JSON array of steps, {"list": true} or {"call": NAME, "arguments": {...}}; what comes back is
// printed as one JSON object: {"version": ..., "results": [...]}, where an error is {"code": ..., "message": ...}.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [mode, target, ...args] = process.argv.slice(2);

async function input() {
  let text = "";
  for await (const part of process.stdin) text += part;
  return JSON.parse(text);
}

function transport() {
  return target.startsWith("http:")
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, stderr: "inherit", env: process.env });
}

async function taken(client, step) {
  try {
    return step.list ? await client.listTools() : await client.callTool({ name: step.call, arguments: step.arguments });
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}

const steps = await input();
const client = new Client({ name: "typescript-sdk", version: "1" }, { versionNegotiation: { mode } });
await client.connect(transport());
const results = [];
for (const step of steps) results.push(await taken(client, step));
console.log(JSON.stringify({ version: client.getNegotiatedProtocolVersion(), results }));
await client.close();
