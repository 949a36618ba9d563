#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what real clients send first, one file a client: unshare --net test/data/packets/capture.py [NAME...]

Each client is started against 127.0.0.1 in a network namespace of its own, where this program listens, answers nothing
(or one greeting, where the client waits for one) and keeps the first payload. README.md lists what came of it.
"""
import os, signal, socket, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../support"))
HOST, PORT = "127.0.0.1", 3478

CLIENTS = {  # file: (transport, port, command[, greeting])
    "http-curl.tcp": ("tcp", PORT, "curl -s -m 2 http://127.0.0.1:3478/"),
    "http2-curl.tcp": ("tcp", PORT, "curl -s -m 2 --http2-prior-knowledge http://127.0.0.1:3478/"),
    "tls-curl.tcp": ("tcp", PORT, "curl -s -k -m 2 https://127.0.0.1:3478/"),
    "tls-openssl.tcp": ("tcp", PORT, "timeout 2 openssl s_client -connect 127.0.0.1:3478"),
    "tls12-openssl.tcp": ("tcp", PORT, "timeout 2 openssl s_client -tls1_2 -connect 127.0.0.1:3478"),
    "dtls-openssl.udp": ("udp", PORT, "timeout 2 openssl s_client -dtls -connect 127.0.0.1:3478"),
    "proxy1-curl.tcp": ("tcp", PORT, "curl -s -m 2 --haproxy-protocol http://127.0.0.1:3478/"),
    "rtsp-curl.tcp": ("tcp", PORT, "curl -s -m 2 rtsp://127.0.0.1:3478/stream"),
    "telnet-curl.tcp": ("tcp", PORT, "timeout 2 curl -s -m 2 telnet://127.0.0.1:3478/", b"\xff\xfd\x18"),
    "smtp-curl.tcp": ("tcp", PORT, "curl -s -m 2 smtp://127.0.0.1:3478/", b"220 x ESMTP\r\n"),
    "ftp-curl.tcp": ("tcp", PORT, "curl -s -m 2 ftp://127.0.0.1:3478/", b"220 x\r\n"),
    "imap-curl.tcp": ("tcp", PORT, "curl -s -m 2 imap://127.0.0.1:3478/", b"* OK x\r\n"),
    "ldap-curl.tcp": ("tcp", PORT, "curl -s -m 2 ldap://127.0.0.1:3478/"),
    "mqtt-curl.tcp": ("tcp", PORT, "curl -s -m 2 mqtt://127.0.0.1:3478/x"),
    "tftp-curl.udp": ("udp", PORT, "curl -s -m 2 tftp://127.0.0.1:3478/x"),
    "smb-curl.tcp": ("tcp", PORT, "curl -s -m 2 -u a:b smb://127.0.0.1:3478/x/y"),
    "socks5-curl.tcp": ("tcp", PORT, "curl -s -m 2 -x socks5://127.0.0.1:3478 http://192.0.2.1/"),
    "socks4-curl.tcp": ("tcp", PORT, "curl -s -m 2 -x socks4://127.0.0.1:3478 http://192.0.2.1/"),
    "ssh.tcp": ("tcp", PORT, "timeout 2 ssh -p 3478 -o BatchMode=yes 127.0.0.1"),
    "postgresql-psql.tcp": ("tcp", PORT, "timeout 2 psql -h 127.0.0.1 -p 3478 -U a"),
    "dns-dig.udp": ("udp", PORT, "dig +time=1 +tries=1 @127.0.0.1 -p 3478 example.org"),
    "dns-dig.tcp": ("tcp", PORT, "dig +tcp +time=1 +tries=1 @127.0.0.1 -p 3478 example.org"),
    "snmp2-snmpget.udp": ("udp", PORT, "snmpget -r 0 -t 1 -v2c -c public 127.0.0.1:3478 1.3.6.1.2.1.1.1.0"),
    "snmp3-snmpget.udp": ("udp", PORT, "snmpget -r 0 -t 1 -v3 -u a 127.0.0.1:3478 1.3.6.1.2.1.1.1.0"),
    "ntp-ntpdig.udp": ("udp", 123, "timeout 3 ntpdig -t 1 127.0.0.1"),
    "redis-cli.tcp": ("tcp", PORT, "timeout 2 redis-cli -p 3478 ping"),
    "mqtt-mosquitto.tcp": ("tcp", PORT, "timeout 2 mosquitto_pub -p 3478 -t x -m y"),
    "coap-client.udp": ("udp", PORT, "timeout 2 coap-client-notls -B 1 coap://127.0.0.1:3478/.well-known/core"),
    "ldap-ldapsearch.tcp": ("tcp", PORT, "timeout 2 ldapsearch -x -H ldap://127.0.0.1:3478"),
    "smb-smbclient.tcp": ("tcp", PORT, "timeout 2 smbclient -N -p 3478 -L 127.0.0.1"),
    "sip-sipsak.udp": ("udp", PORT, "timeout 2 sipsak -s sip:a@127.0.0.1:3478"),
    "openvpn.udp": ("udp", PORT, "timeout 3 openvpn --client --dev null --remote 127.0.0.1 3478 udp --ca {cert} --auth-user-pass {pass}"),
    "openvpn.tcp": ("tcp", PORT, "timeout 3 openvpn --client --dev null --remote 127.0.0.1 3478 tcp --ca {cert} --auth-user-pass {pass}"),
    "ike1-ike-scan.udp": ("udp", PORT, "timeout 3 ike-scan -r 1 -s 0 -d 3478 127.0.0.1"),
    "ike2-ike-scan.udp": ("udp", PORT, "timeout 3 ike-scan -2 -r 1 -s 0 -d 3478 127.0.0.1"),
    "tftp-hpa.udp": ("udp", PORT, "timeout 2 tftp 127.0.0.1 3478 -c get x"),
    "ipmi-ipmitool.udp": ("udp", PORT, "timeout 3 ipmitool -I lanplus -H 127.0.0.1 -p 3478 -U a -P b -R 1 -N 1 chassis status"),
    "memcached-memcstat.tcp": ("tcp", PORT, "timeout 2 memcstat --servers=127.0.0.1:3478"),
    "mssql-tsql.tcp": ("tcp", PORT, "timeout 2 tsql -H 127.0.0.1 -p 3478 -U a -P b"),
    "kerberos-kinit.udp": ("udp", 88, "timeout 3 kinit -V a@EXAMPLE.ORG"),
    "stun-turn_client.udp": ("udp", PORT, "python3 {client} --server 127.0.0.1 --timeout 1 allocate"),
    "stun-turn_client.tcp": ("tcp", PORT, "python3 {client} --server 127.0.0.1 --timeout 1 allocate --transport tcp"),
    "stun-turnutils.udp": ("udp", PORT, "timeout 2 {turnutils}/turnutils_stunclient -p 3478 127.0.0.1"),
    "stun-turnutils-allocate.udp": ("udp", PORT, "timeout 2 {turnutils}/turnutils_uclient -c -n 1 -u alice -w secret1 -y 127.0.0.1"),
}
# What nmap sends to a UDP port to learn what is there, by the port it takes it for.
for name, port in {"ntp": 123, "snmp": 161, "netbios": 137, "ssdp": 1900, "ike": 500, "coap": 5683, "memcached": 11211,
                   "rpc": 111, "dtls": 4433, "stun": 3478, "ldap": 389, "quake": 27960, "source-engine": 27015, "ipmi": 623,
                   "radius": 1645, "l2tp": 1701}.items():
    CLIENTS[name + "-nmap.udp"] = ("udp", port, "timeout 8 nmap -n -Pn -sU --max-retries 1 -p %d 127.0.0.1" % port)
# And to a TCP port that says nothing: all its probes, one connection each; those that its table names for the port come first.
for name, port in {"rdp": 3389, "smb": 445, "ldap": 389, "mongodb": 27017, "memcached": 11211, "dns": 53, "tls": 443,
                   "redis": 6379}.items():
    CLIENTS[name + "-nmap.tcp"] = ("tcp", port, "timeout 12 nmap -n -Pn -sV --version-intensity 1 -p %d 127.0.0.1" % port)


def record(transport, port, command, greeting=None):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.settimeout(10)
        if transport == "tcp":
            listener.listen(16)
        client = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL if "telnet" not in command else subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        payload = b""
        try:
            while not payload:  # nmap looks first whether the port is open
                if transport == "udp":
                    payload = listener.recv(65535)
                    continue
                stream = listener.accept()[0]
                with stream:
                    if greeting:
                        stream.sendall(greeting)
                    stream.settimeout(8)
                    try:
                        payload = stream.recv(65535)
                    except OSError:
                        pass
        except OSError:
            pass
        os.killpg(client.pid, signal.SIGKILL)  # its own session: the shell, and what the shell started
        client.wait()
        return payload


def main():
    subprocess.run("ip link set lo up", shell=True, check=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout %s/key.pem -out %s/cert.pem -days 2 -subj /CN=x" % (place, place),
                       shell=True, check=True, capture_output=True)
        with open(place + "/pass", "w") as file:
            file.write("a\nb\n")
        with open(place + "/krb5.conf", "w") as file:
            file.write("[libdefaults]\ndefault_realm = EXAMPLE.ORG\n[realms]\nEXAMPLE.ORG = {\n kdc = 127.0.0.1\n}\n")
        os.environ["KRB5_CONFIG"] = place + "/krb5.conf"
        places = {"cert": place + "/cert.pem", "pass": place + "/pass", "client": os.path.join(HERE, "../../support/turn_client.py"),
                  "turnutils": os.environ.get("TURNUTILS", "/usr/bin")}
        for name, (transport, port, command, *greeting) in CLIENTS.items():
            if len(sys.argv) > 1 and name not in sys.argv[1:]:
                continue
            for word, path in places.items():
                command = command.replace("{%s}" % word, path)
            payload = record(transport, port, command, *greeting)
            print("%-32s %5d bytes  %s" % (name, len(payload), payload[:24].hex()), flush=True)
            if payload:
                with open(os.path.join(HERE, name), "wb") as file:
                    file.write(payload)


if __name__ == "__main__":
    main()
