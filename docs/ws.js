#!/usr/bin/env node
// Sends messages to the remote API of lteims and prints the answers, one a line.
//
//   npm install nodejs-websocket
//   ./ws.js 127.0.0.1:9003 '{"message": "config_get"}'
//   ./ws.js --password secret 127.0.0.1:9003 '[{"message": "users_get"}, {"message": "stats"}]'
//   ./ws.js --listen 127.0.0.1:9003 '{"message": "register", "register": ["sms", "users_update"]}'
//   ./ws.js --ca server.pem --cert me.pem --key me.key 192.168.4.1:9003 '{"message": "help"}'
//
// The exit code is 0 when every answer came and none has `error`, else 1; errors of the connection go to standard error.
'use strict'

const crypto = require('crypto')
const fs = require('fs')

const USAGE = `usage: ws.js [OPTION]... HOST:PORT MESSAGE...
Each MESSAGE is a JSON object, or an array of them.
  --password TEXT       the password of com_auth
  --password-file FILE  the same, in a file
  --tls                 use TLS, as the four options below do
  --ca FILE             trust the certificates in this file
  --cert FILE           show this certificate
  --key FILE            the key of --cert
  --insecure            do not check whose certificate the server shows
  --pretty              print answers indented
  --listen              go on when everything is answered, and print events
  --timeout SECONDS     give up when an answer takes longer (30)`
const FLAGS = ['tls', 'insecure', 'pretty', 'listen', 'help']
const VALUES = ['password', 'password-file', 'ca', 'cert', 'key', 'timeout']

function fail(text) {
    process.stderr.write(`ws.js: ${text}\n`)
    process.exit(1)
}

function read(file) {
    try {
        return fs.readFileSync(file, 'utf8')
    } catch (error) {
        return fail(error.message)
    }
}

function parse(words) {
    const options = { timeout: '30' }
    const rest = []
    while (words.length) {
        const word = words.shift()
        const name = word.startsWith('--') ? word.slice(2) : ''
        if (!name) rest.push(word)
        else if (FLAGS.includes(name)) options[name] = true
        else if (VALUES.includes(name) && words.length) options[name] = words.shift()
        else fail(`${word}: unknown, or without its value\n${USAGE}`)
    }
    if (options.help) {
        console.log(USAGE)
        process.exit(0)
    }
    if (rest.length < 2) fail(USAGE)
    if (!(Number(options.timeout) > 0)) fail(`--timeout ${options.timeout}: expected a number of seconds`)
    return { options, server: rest.shift(), messages: rest }
}

function object(text) {
    try {
        const value = JSON.parse(text)
        const members = Array.isArray(value) ? value : [value]
        if (members.every((member) => member !== null && typeof member === 'object' && !Array.isArray(member))) return value
    } catch (error) {
        return fail(`${text}: ${error.message}`)
    }
    return fail(`${text}: neither an object nor an array of objects`)
}

const { options, server, messages } = parse(process.argv.slice(2))
const requests = messages.map(object)
const password = options['password-file'] ? read(options['password-file']).replace(/\r?\n$/, '') : options.password
const secure = options.tls || options.ca || options.cert || options.key || options.insecure
const settings = { extraHeaders: { Origin: 'ws.js' } }
for (const name of ['ca', 'cert', 'key']) if (options[name]) settings[name] = read(options[name])
if (options.insecure) settings.rejectUnauthorized = false

const open = new Map() // what is not answered yet: our message_id -> the message_id of the user, if there was one
let failed = false
let done = false

// Every request has a message_id of ours on its way, so that answers are known from events, whatever the user gave.
function number(request) {
    const id = `ws.js ${open.size + 1}`
    open.set(id, 'message_id' in request ? [request.message_id] : [])
    return { ...request, message_id: id }
}

function print(value) {
    console.log(JSON.stringify(value, null, options.pretty ? 4 : 0))
}

function finish() {
    done = true
    connection.close()
}

function sendAll() {
    const numbered = requests.map((request) => (Array.isArray(request) ? request.map(number) : number(request)))
    for (const request of numbered) connection.sendText(JSON.stringify(request))
    if (!open.size && !options.listen) finish()
}

function authenticate(hello) {
    if (password === undefined) return fail('the server asks for a password: give --password or --password-file')
    const key = `${hello.type}:${password}:${hello.name}`
    const res = crypto.createHmac('sha256', key).update(hello.challenge).digest('hex')
    return connection.sendText(JSON.stringify({ message: 'authenticate', message_id: 'login', res }))
}

function onAnswer(answer) {
    const [mine] = open.get(answer.message_id)
    open.delete(answer.message_id)
    if (mine === undefined) delete answer.message_id
    else answer.message_id = mine
    failed = failed || 'error' in answer
    print(answer)
    if (!open.size && !options.listen) finish()
}

let greeted = false
function onText(text) {
    const frame = JSON.parse(text)
    if (!greeted) {
        greeted = true
        if (frame.message === 'authenticate') authenticate(frame)
        else sendAll()
    } else if (frame.message_id === 'login') {
        if (frame.ready) sendAll()
        else fail(`the server refuses the password: ${frame.error}`)
    } else if (open.has(frame.message_id)) {
        onAnswer(frame)
    } else {
        print(frame)
    }
}

const websocket = require('nodejs-websocket')
const connection = websocket.connect(`${secure ? 'wss' : 'ws'}://${server}/`, settings)
connection.on('text', onText)
connection.on('error', (error) => fail(`${server}: ${error.message}`))
connection.on('close', (code, reason) => {
    if (!done) fail(`the server closed the connection (${code} ${reason})`)
    process.exitCode = failed ? 1 : 0
})
if (!options.listen) {
    setTimeout(() => fail('no answer'), 1000 * Number(options.timeout)).unref()
}
