// The TypeScript SDK's client, told what to do: `node client.mjs legacy|auto URL | COMMAND ARGUMENT...`.
//
// Standard input is a JSON array of steps, {"list": true} or {"call": NAME, "arguments": {...}}; what comes back is
// printed as one JSON object: {"version": ..., "results": [...], "asked": [...]}, where an error is {"code": ...,
// "message": ...}. With ELICIT in the environment, a JSON `ElicitResult`, it answers every question so.

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
const said = process.env.ELICIT ? JSON.parse(process.env.ELICIT) : null;
const capabilities = said ? { elicitation: { form: {} } } : {};
const client = new Client({ name: "typescript-sdk", version: "1" }, { capabilities, versionNegotiation: { mode } });
const asked = [];
if (said) {
  client.setRequestHandler("elicitation/create", async (request) => {
    asked.push(request.params.message);
    return said;
  });
}
await client.connect(transport());
const results = [];
for (const step of steps) results.push(await taken(client, step));
console.log(JSON.stringify({ version: client.getNegotiatedProtocolVersion(), results, asked }));
await client.close();
