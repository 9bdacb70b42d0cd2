// An order exchange for the tests of the SOAP connector, on the npm package `soap`.
//
// node server.js <node_modules> [<key.pem> <certificate.pem>]
//
// It says on its first line at which ports it listens, and ends when its standard input does. One exchange stands at
// /open, /plain, /digest and /signed: what differs is the WS-Security that is asked for (user "hub", password "secret").
// /open12 speaks SOAP 1.2. /rpc is a second service in the older style. At a port of its own,
// without TLS, a POST changes what the server does, and a GET tells what it has.
"use strict";
const fs = require("fs");
const path = require("path");
const crypto = require("crypto");
const modules = process.argv[2];
const soap = require(path.join(modules, "soap"));
const { SignedXml } = require(path.join(modules, "xml-crypto"));
const { DOMParser } = require(path.join(modules, "@xmldom/xmldom"));

const secure = process.argv[3]
  ? { key: fs.readFileSync(process.argv[3]), cert: fs.readFileSync(process.argv[4]) }
  : null;
const USER = "hub";
const PASSWORD = "secret";

const orders = []; // {sequence, order, confirmed}
const submitted = []; // {requestId, orderId, order}: more than one of a requestId would be an order sent twice
const nonces = new Set();
let sequence = 0;
let mode = {}; // what goes wrong, see disturbed()
let posts = 0;
let seen = [];

// Whether an operation was asked with nothing in it.
function given(asked) {
  return asked || {};
}

function fault(where, text, code) {
  const body = { faultcode: `soap:${where}`, faultstring: text };
  if (code) body.detail = { Problem: { attributes: { xmlns: "urn:orderhub:test:exchange" }, code, text } };
  return { Fault: { ...body, statusCode: 500 } };
}

// The package gives all elements the namespace of the answer's own; those of an order have another.
function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [`t:${key}`, ordered(inner)]));
}

const exchange = {
  Ping: () => ({ ready: true }),
  GetOrders: (asked) => {
    if (mode.fault) throw fault(mode.fault.where, mode.fault.text, mode.fault.code);
    const { since: from, limit } = given(asked);
    const since = Number(from || 0);
    const open = orders.filter((one) => one.sequence > since && !one.confirmed);
    const page = open.slice(0, Number(limit || 100));
    return {
      "t:order": page.map((one) => ({ attributes: { sequence: one.sequence }, ...ordered(one.order) })),
      mark: page.length ? String(page[page.length - 1].sequence) : String(since),
      more: open.length > page.length,
    };
  },
  Confirm: (asked) => {
    const numbers = [].concat(asked.sequence).map(Number);
    for (const one of orders) if (numbers.includes(one.sequence)) one.confirmed = true;
    return { confirmed: numbers.length };
  },
  SubmitOrder: (asked, callback, headers, req) => {
    if (mode.fault) throw fault(mode.fault.where, mode.fault.text, mode.fault.code);
    if (asked.order.supplier === "unknown") throw fault("Client", "The supplier is not known.", "SUPPLIER_UNKNOWN");
    const known = submitted.find((one) => one.requestId === asked.requestId);
    if (known && !mode.forgetful) return { orderId: known.orderId, status: "KNOWN" };
    const orderId = `X-${submitted.length + 1}`;
    submitted.push({ requestId: asked.requestId, orderId, order: asked.order });
    if (mode.then === "hang") return new Promise(() => {});
    if (mode.then === "cut") req.socket.destroy();
    return { orderId, status: mode.status || "TAKEN" };
  },
  FindOrder: (asked) => {
    const known = submitted.find((one) => one.requestId === asked.requestId);
    return known ? { orderId: known.orderId } : {};
  },
};

const stock = { GetStock: (asked) => mode.level || { level: { quantity: "12.5", kind: "FREE", countedOn: "2026-11-20" } } };

function token(security) {
  return security && security.UsernameToken;
}
function value(node) {
  return node && typeof node === "object" ? node.$value : node;
}
const checks = {
  open: () => true,
  plain: (security) => {
    const given = token(security);
    return Boolean(given) && value(given.Username) === USER && value(given.Password) === PASSWORD;
  },
  digest: (security) => {
    const given = token(security);
    if (!given || value(given.Username) !== USER || !value(given.Nonce)) return false;
    const nonce = value(given.Nonce);
    if (nonces.has(nonce)) return false; // a nonce serves once
    nonces.add(nonce);
    if (Math.abs(Date.now() - Date.parse(value(given.Created))) > 300000) return false;
    const digest = crypto
      .createHash("sha1")
      .update(Buffer.concat([Buffer.from(nonce, "base64"), Buffer.from(value(given.Created) + PASSWORD)]))
      .digest("base64");
    return digest === value(given.Password);
  },
  signed: (security, req) => {
    if (!mode.certificate) return false;
    const text = req.xml;
    const document = new DOMParser().parseFromString(text, "text/xml");
    const signatures = document.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature");
    if (signatures.length !== 1) return false;
    const signed = new SignedXml({ publicCert: mode.certificate, idMode: "wssecurity" });
    signed.loadSignature(signatures[0]);
    if (!signed.checkSignature(text)) return false;
    // what is signed must be the body, and a time that has not passed
    const parts = signed.getSignedReferences();
    const body = parts.some((part) => /^<[\w-]*:?Body[\s>]/.test(part));
    const time = parts.find((part) => /^<[\w-]*:?Timestamp[\s>]/.test(part));
    const expires = time && /Expires>([^<]+)</.exec(time);
    return body && Boolean(expires) && Date.parse(expires[1]) > Date.now();
  },
};

function control(req, res) {
  let text = "";
  req.on("data", (chunk) => (text += chunk));
  req.on("end", () => {
    if (req.method === "POST") {
      const asked = JSON.parse(text);
      if (asked.reset) {
        orders.length = submitted.length = 0;
        seen = [];
        mode = {};
      }
      for (const order of asked.orders || []) orders.push({ sequence: ++sequence, order, confirmed: false });
      if (asked.mode) {
        mode = asked.mode;
        posts = 0;
      }
    }
    const told = { orders, submitted, posts, seen, failed: Boolean(mode.failed) };
    res.setHeader("Content-Type", "application/json");
    res.end(JSON.stringify(told));
  });
}

// An answer with its body signed; {sign: {key, tamper, wrap}} of the mode asks for it.
function signed(text) {
  const wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
  const wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
  const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
  const prepared = text.replace(
    "<soap:Body>",
    `<soap:Header><e:Security xmlns:e="${wsse}"/></soap:Header><soap:Body xmlns:u="${wsu}" u:Id="body">`,
  );
  const made = new SignedXml({
    privateKey: mode.sign.key,
    idMode: "wssecurity",
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: exclusive,
  });
  made.addReference({
    xpath: "//*[local-name(.)='Body']",
    transforms: [exclusive],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  made.computeSignature(prepared, { location: { reference: "//*[local-name(.)='Security']", action: "append" } });
  const whole = made.getSignedXml();
  if (mode.sign.tamper) return whole.replace(mode.sign.tamper, "X-0");
  if (mode.sign.wrap) {
    // the signed body is moved into the header, and another one put in its place
    const body = /<soap:Body[^]*<\/soap:Body>/.exec(whole)[0];
    const other = body.replace(/u:Id="body"/, "").replace(mode.sign.wrap, "X-0");
    return whole.replace(body, other).replace("</soap:Header>", `<w:Old xmlns:w="urn:w">${body}</w:Old></soap:Header>`);
  }
  return whole;
}

// What may go wrong on the way: {cut: n, after: bool} ends the connection at the n-th request, before it is done or after;
// {half: true} ends it in the middle of an answer; {answer: text, status: n} answers something else; {redirect: url};
// {documents: {path: text}} serves documents.
function disturbed(req, res) {
  const place = req.url.split("?")[0];
  if (req.method === "GET") {
    if (mode.redirect && place === "/moved") {
      res.writeHead(302, { Location: mode.redirect });
      res.end();
      return true;
    }
    const served = mode.documents && mode.documents[req.url];
    if (served !== undefined && served !== null) {
      res.setHeader("Content-Type", "text/xml");
      res.end(served);
      return true;
    }
    if (place === "/types.xsd") {
      res.setHeader("Content-Type", "text/xml");
      res.end(fs.readFileSync(path.join(__dirname, "types.xsd")));
      return true;
    }
    return false;
  }
  if (mode.redirect) {
    res.writeHead(307, { Location: mode.redirect });
    res.end();
    return true;
  }
  if (mode.raw) {
    res.writeHead(mode.raw.status || 200, { "Content-Type": mode.raw.type || "text/xml" });
    res.end(mode.raw.text || "");
    return true;
  }
  const at = posts++;
  if (mode.cut === at && !mode.after) {
    mode.failed = true;
    req.socket.destroy();
    return true;
  }
  if ((mode.cut === at && mode.after) || mode.half) {
    mode.failed = true;
    const { write } = res;
    const parts = [];
    res.write = (part) => parts.push(part);
    res.end = (part) => {
      if (!mode.half) return req.socket.destroy();
      const bytes = Buffer.from([...parts, part || ""].join(""));
      res.writeHead(200, { "Content-Length": bytes.length });
      return write.call(res, bytes.subarray(0, bytes.length >> 1), () => req.socket.destroy());
    };
  }
  return false;
}

const server = secure ? require("https").createServer(secure) : require("http").createServer();
server.listen(0, "127.0.0.1", async () => {
  const port = server.address().port;
  const base = `${secure ? "https" : "http"}://127.0.0.1:${port}`;
  const ready = [];
  const services = new Set();
  const put = (place, file, implementation, check, version = "1.1") => {
    services.add(place);
    let xml = fs.readFileSync(path.join(__dirname, file), "utf8").replace("ADDRESS", `${base}${place}`);
    if (version === "1.2") xml = xml.replace("xmlsoap.org/wsdl/soap/", "xmlsoap.org/wsdl/soap12/");
    ready.push(
      new Promise((resolve, reject) => {
        const at = soap.listen(server, {
          path: place, services: implementation, xml, uri: path.join(__dirname, file), forceSoap12Headers: version === "1.2",
          callback: (error) => (error ? reject(error) : resolve()),
        });
        at.log = (kind, data, req) => { if (kind === "received") req.xml = data; };
        at.on("response", (response) => {
          if (mode.sign) response.result = signed(response.result);
        });
        at.authenticate = (security, callback, req) => {
          try {
            return check(security, req);
          } catch (error) {
            process.stderr.write(`${error.stack}\n`);
            return false;
          }
        };
      }),
    );
  };
  for (const name of Object.keys(checks))
    put(`/${name}`, "exchange.wsdl", { Exchange: { ExchangePort: exchange } }, checks[name]);
  put("/open12", "exchange.wsdl", { Exchange: { ExchangePort: exchange } }, checks.open, "1.2");
  put("/rpc", "rpc.wsdl", { Stock: { StockPort: stock } }, checks.open);
  await Promise.all(ready);
  const listeners = server.listeners("request").slice();
  server.removeAllListeners("request");
  server.on("request", (req, res) => {
    seen.push({ method: req.method, url: req.url, headers: req.headers });
    if (disturbed(req, res)) return undefined;
    if (!services.has(req.url.split("?")[0])) {
      res.writeHead(404);
      return res.end();
    }
    for (const listener of listeners) listener.call(server, req, res);
    return undefined;
  });
  const desk = require("http").createServer(control);
  desk.listen(0, "127.0.0.1", () => {
    process.stdout.write(`${JSON.stringify({ port, control: desk.address().port })}\n`);
  });
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
