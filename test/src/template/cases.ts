/**
 * Templates with what Docker's own command line (28.2) printed for them, on an image with the config of
 * `template.test.ts`. Where Docker falls back from its types to plain JSON, so does the test.
 */
export type Case = { template: string; text: string } | { template: string; error: string; parse?: boolean };

export const cases: readonly Case[] = [
  {
    template: '{{.RootFS}}',
    text: '{layers [sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75 sha256:d0b7e2e3899483d3a2334011ef3c46c89b1b51f8f9291f2596cff117fbacdcee]}',
  },
  { template: '{{.Id}} {{.ID}}', error: 'template: :1:10: executing "" at <.ID>: map has no entry for key "ID"' },
  { template: '{{.ID}}', text: 'sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c' },
  { template: '{{.Config.Hostname}}', text: '' },
  {
    template: '{{.ContainerConfig}}',
    text: '{abc   false false false map[] false false false [] [x] <nil> false sha256:123 map[]  [] false  [] map[]  <nil> []}',
  },
  {
    template: '{{json .ContainerConfig}}',
    text: '{"Hostname":"abc","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["x"],"Image":"sha256:123","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}',
  },
  { template: '{{.Config.Healthcheck}}', text: '{[CMD true] 1s 0s 0s 0s 3}' },
  { template: '{{.Size}} {{.VirtualSize}}', text: '100000 100000' },
  { template: '{{.Descriptor}}{{.Manifests}}', text: '<nil>[]' },
  { template: '{{json .Container}}', text: '"deadbeef"' },
  { template: '{{.NoSuch}}', error: 'template: :1:2: executing "" at <.NoSuch>: map has no entry for key "NoSuch"' },
  {
    template: '{{.Config.NoSuch}}',
    error: 'template: :1:9: executing "" at <.Config.NoSuch>: map has no entry for key "NoSuch"',
  },
  {
    template: '{{.Config.Cmd.X}}',
    error: 'template: :1:9: executing "" at <.Config.Cmd.X>: can\'t evaluate field X in type interface {}',
  },
  {
    template: '{{index .RepoTags 9}}',
    error: 'template: :1:2: executing "" at <index .RepoTags 9>: error calling index: index out of range: 9',
  },
  { template: '{{.Id', error: 'template: :1: unclosed action', parse: true },
  { template: '{{foo .Id}}', error: 'template: :1: function "foo" not defined', parse: true },
  {
    template: '{{json .Parent}}{{printf "%v %d %s %q" .Size .Size .Size .Id}}',
    text: '""100000 %!d(json.Number=100000) 100000 "sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c"',
  },
  {
    template: '{{json .Parent}}{{printf "%v %d %s %q" .Size .Size .Size .ID}}',
    text: '""100000 100000 %!s(int64=100000) "sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c"',
  },
  { template: '{{.Config.Hostname}}{{.ContainerConfig.Env}}{{.Config.Image}}', text: '<no value>' },
  {
    template: '{{.NoSuch.x}}',
    error: 'template: :1:9: executing "" at <.NoSuch.x>: map has no entry for key "NoSuch"',
  },
  {
    template: '{{index .Config.Labels "x"}}|{{.Config.Labels.x}}|{{.Config.Labels.a}}|{{index .Config.Labels "z"}}',
    text: '|<no value>|1|<q>',
  },
  { template: '{{len .Config.Labels}}{{with .Config.Labels}}y{{else}}n{{end}}', text: '3y' },
  { template: '{{.Config.Entrypoint}}{{json .Config.Entrypoint}}', text: '[/e]["/e"]' },
  {
    template: '{{.Size.X}}',
    error: 'template: :1:7: executing "" at <.Size.X>: can\'t evaluate field X in type interface {}',
  },
  {
    template: '{{.Id.X}}',
    error: 'template: :1:5: executing "" at <.Id.X>: can\'t evaluate field X in type interface {}',
  },
  { template: '{{range .RepoTags}}{{.}}{{break}}{{end}}', text: 'multi:1' },
  {
    template: '{{range .RepoTags}}{{.}},{{continue}}x{{end}}',
    text: 'multi:1,multi:2,host.example:5000/x/multi:latest,',
  },
  { template: '{{ if }}', error: 'template: :1: missing value for if', parse: true },
  { template: '{{.Id | foo}}', error: 'template: :1: function "foo" not defined', parse: true },
  { template: '{{end}}', error: 'template: :1: unexpected {{end}}', parse: true },
  { template: '{{else}}', error: 'template: :1: unexpected {{else}}', parse: true },
  {
    template: '{{range .Id}}{{end}}',
    error:
      'template: :1:8: executing "" at <.Id>: range can\'t iterate over sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c',
  },
  { template: '{{range .ID}}{{end}}', error: 'template: :1:8: executing "" at <.ID>: map has no entry for key "ID"' },
  { template: '{{if .Id}}', error: 'template: :1: unexpected EOF', parse: true },
  { template: '{{if .Id}}{{else}}', error: 'template: :1: unexpected EOF', parse: true },
  { template: '{{if .Id}}{{else}}{{else}}{{end}}', error: 'template: :1: expected end; found {{else}}', parse: true },
  { template: '{{$x}}', error: 'template: :1: undefined variable "$x"', parse: true },
  { template: '{{#}}', error: 'template: :1: unexpected "#" in command', parse: true },
  { template: '{{"abc}}', error: 'template: :1: unterminated quoted string', parse: true },
  { template: '{{`abc}}', error: 'template: :1: unterminated raw quoted string', parse: true },
  { template: "{{'a}}", error: 'template: :1: unterminated character constant', parse: true },
  { template: '{{1 2}}', error: 'template: :1:2: executing "" at <1>: can\'t give argument to non-function 1' },
  { template: '{{printf "%s"}}', text: '%!s(MISSING)' },
  { template: '{{.RootFS.Layers | len}}', text: '2' },
  { template: '{{eq .Size 100000}}', text: 'true' },
  {
    template: '{{eq .Id 3}}',
    error: 'template: :1:2: executing "" at <eq .Id 3>: error calling eq: incompatible types for comparison',
  },
  { template: '{{eq .ID 3}}', error: 'template: :1:5: executing "" at <.ID>: map has no entry for key "ID"' },
  { template: '{{.Created | printf "%q"}}', text: '"2020-01-02T03:04:05.678901234Z"' },
  { template: '{{println .Os .Size .Architecture}}x', text: 'linux 100000 amd64\nx' },
  {
    template: '{{join .RepoTags ","}} {{join .Id ","}}',
    error: 'template: :1:7: executing "" at <.RepoTags>: wrong type for value; expected []string; got []interface {}',
  },
  { template: '{{join .RepoTags ","}}', text: 'multi:1,multi:2,host.example:5000/x/multi:latest' },
  { template: '{{join .ID ","}}', error: 'template: :1:7: executing "" at <.ID>: map has no entry for key "ID"' },
  { template: '{{"a"|b "c"}}', error: 'template: :1: function "b" not defined', parse: true },
  { template: '{{/* c */}}x{{- /* d */ -}}  y', text: 'xy' },
  { template: '{{/* c }}', error: 'template: :1: unclosed comment', parse: true },
  { template: '{{not}}', error: 'template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 0' },
  {
    template: '{{not 1 2}}',
    error: 'template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 2',
  },
  { template: '{{upper 3}}', error: 'template: :1:8: executing "" at <3>: expected string; found 3' },
  {
    template: '{{upper .Size}}',
    error: 'template: :1:8: executing "" at <.Size>: wrong type for value; expected string; got json.Number',
  },
  { template: '{{upper .Os}}{{lower "ABC"}}{{title "hello world_x it\'s"}}', text: "LINUXabcHello World_x It'S" },
  { template: '{{nil}}', error: 'template: :1:2: executing "" at <nil>: nil is not a command' },
  { template: '{{. | nil}}', error: 'template: :1: non executable command in pipeline stage 2', parse: true },
  { template: '{{(.Id)}}', text: 'sha256:edd35888203b27f0f60ef741182072c882fd35c56fd1b8db9312746d28751c9c' },
  { template: '{{)}}', error: 'template: :1: unexpected right paren', parse: true },
  { template: '{{(.Id}}', error: 'template: :1: unclosed left paren', parse: true },
  {
    template: '{{index .RootFS.Layers "a"}}',
    error:
      'template: :1:2: executing "" at <index .RootFS.Layers "a">: error calling index: cannot index slice/array with type string',
  },
  {
    template: '{{index .RootFS.Layers 0}}',
    text: 'sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75',
  },
  {
    template: '{{index .RootFS.Layers -1}}',
    error: 'template: :1:2: executing "" at <index .RootFS.Layers -1>: error calling index: index out of range: -1',
  },
  {
    template: '{{index .RootFS.Layers 1.5}}',
    error:
      'template: :1:2: executing "" at <index .RootFS.Layers 1.5>: error calling index: cannot index slice/array with type float64',
  },
  {
    template: '{{index .Config.Labels 1}}',
    error:
      'template: :1:2: executing "" at <index .Config.Labels 1>: error calling index: value has type int; should be string',
  },
  {
    template: '{{index nil 1}}',
    error: 'template: :1:2: executing "" at <index nil 1>: error calling index: index of untyped nil',
  },
  { template: '{{index .Size 1}}', text: '48' },
  { template: '{{index .Config.ExposedPorts "80/tcp"}}', text: '{}' },
  {
    template:
      "{{1e3}} {{0x1F}} {{1_000}} {{'a'}} {{1.50}} {{-3}} {{+4}} {{010}} {{0o17}} {{0b101}} {{.5}} {{1e100}} {{1e-7}} {{123456789.0}} {{1e20}} {{1e21}}",
    text: '1000 31 1000 97 1.5 -3 4 8 15 5 0.5 1e+100 1e-07 1.23456789e+08 1e+20 1e+21',
  },
  { template: '{{"x\\n\\u00e9\\t\\x41\\101"}}', text: 'x\né\tAA' },
  { template: '{{"bad \\z"}}', error: 'template: :1: invalid syntax', parse: true },
  { template: '{{`raw \\n`}}', text: 'raw \\n' },
  { template: '{{true}} {{printf "%t" false}}', text: 'true false' },
  { template: '{{1.2.3}}', error: 'template: :1: unexpected ".3" in operand', parse: true },
  { template: '{{3x}}', error: 'template: :1: bad number syntax: "3x"', parse: true },
  {
    template: '{{range $i,$e := .RootFS.Layers}}{{$i}}={{$e}} {{end}}',
    text: '0=sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75 1=sha256:d0b7e2e3899483d3a2334011ef3c46c89b1b51f8f9291f2596cff117fbacdcee ',
  },
  {
    template: '{{range $e := .RootFS.Layers}}{{$e}} {{end}}',
    text: 'sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75 sha256:d0b7e2e3899483d3a2334011ef3c46c89b1b51f8f9291f2596cff117fbacdcee ',
  },
  { template: '{{range $k,$v := .Config.Labels}}{{$k}}={{$v}};{{end}}', text: 'a=1;foo=;z=<q>;' },
  {
    template: '{{range $k,$v := .Config.ExposedPorts}}{{$k}}={{$v}};{{json $v}}{{end}}',
    text: '53/udp={};{}80/tcp={};{}',
  },
  { template: '{{range 3}}{{.}}{{end}}', text: '012' },
  { template: '{{range $i := 3}}{{$i}}{{end}}', text: '012' },
  { template: '{{range .RepoDigests}}x{{else}}none{{end}}', text: 'none' },
  {
    template: '{{range $i, $e, $f := .RepoTags}}{{end}}',
    error: 'template: :1: too many declarations in range',
    parse: true,
  },
  {
    template: '{{range $i, 3 := .RepoTags}}{{end}}',
    error: 'template: :1: range can only initialize variables',
    parse: true,
  },
  { template: '{{with $x, $y := .Id}}{{end}}', error: 'template: :1: too many declarations in with', parse: true },
  {
    template: '{{if and .Id (not .Parent) (gt .Size 3)}}ok{{else if .Os}}no{{end}}',
    error: 'template: :1:28: executing "" at <gt .Size 3>: error calling gt: incompatible types for comparison',
  },
  { template: '{{if and .ID (not .Parent) (gt .Size 3)}}ok{{else if .Os}}no{{end}}', text: 'ok' },
  { template: '{{if .Parent}}a{{else if .Variant}}b{{else}}c{{end}}', text: 'c' },
  { template: '{{with .Parent}}a{{else with .Os}}{{.}}{{else}}c{{end}}', text: 'linux' },
  { template: '{{with .Config}}{{.User}} {{.WorkingDir}} {{$.Os}}{{end}}', text: 'u:g /w linux' },
  { template: '{{$x := .Os}}{{$x}}{{$x = "b"}}{{$x}}', text: 'linuxb' },
  { template: '{{$x := .Config}}{{$x.User}} {{$x.Labels.a}}', text: 'u:g 1' },
  { template: '{{if true}}{{$x := 1}}{{end}}{{$x}}', error: 'template: :1: undefined variable "$x"', parse: true },
  {
    template: '{{and 1 0 2}} {{or 0 "" "x"}} {{or 0 ""}} {{and 1 2}} {{and}}',
    error: 'template: :1:56: executing "" at <and>: wrong number of args for and: want at least 1 got 0',
  },
  { template: '{{and true false}}{{or false true}}{{not 0}}{{not "a"}}', text: 'falsetruetruefalse' },
  {
    template: '{{eq 1 1}}{{eq 1 2 1}}{{ne 1 2}}{{lt 1 2}}{{le 2 2}}{{gt "b" "a"}}{{ge 1.5 1.5}}',
    text: 'truetruetruetruetruetruetrue',
  },
  {
    template: '{{eq 1 1.0}}',
    error: 'template: :1:2: executing "" at <eq 1 1.0>: error calling eq: incompatible types for comparison',
  },
  {
    template: '{{lt 1 "a"}}',
    error: 'template: :1:2: executing "" at <lt 1 "a">: error calling lt: incompatible types for comparison',
  },
  {
    template: '{{lt true false}}',
    error: 'template: :1:2: executing "" at <lt true false>: error calling lt: invalid type for comparison',
  },
  {
    template: '{{eq .RepoTags .RepoTags}}',
    error:
      'template: :1:2: executing "" at <eq .RepoTags .RepoTags>: error calling eq: non-comparable type [multi:1 multi:2 host.example:5000/x/multi:latest]: []interface {}',
  },
  {
    template: '{{eq 1}}',
    error: 'template: :1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison',
  },
  { template: '{{lt 1}}', error: 'template: :1:2: executing "" at <lt>: wrong number of args for lt: want 2 got 1' },
  { template: '{{eq nil nil}}', text: 'true' },
  { template: '{{eq .Parent ""}}', text: 'true' },
  { template: '{{eq .Os "windows" "linux"}}', text: 'true' },
  { template: '{{len 3}}', error: 'template: :1:2: executing "" at <len 3>: error calling len: len of type int' },
  {
    template: '{{len nil}}',
    error:
      'template: :1:2: executing "" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value',
  },
  { template: '{{len .Size}}', text: '6' },
  {
    template: '{{slice "abcdef" 1 3}} {{slice .RepoTags 1}} {{slice "abc" 2}} {{slice "abc"}}',
    text: 'bc [multi:2 host.example:5000/x/multi:latest] c abc',
  },
  {
    template: '{{slice .RepoTags 5}}',
    error: 'template: :1:2: executing "" at <slice .RepoTags 5>: error calling slice: index out of range: 5',
  },
  {
    template: '{{slice "abc" 2 1}}',
    error: 'template: :1:2: executing "" at <slice "abc" 2 1>: error calling slice: invalid slice index: 2 > 1',
  },
  {
    template: '{{slice "abc" 0 1 2}}',
    error: 'template: :1:2: executing "" at <slice "abc" 0 1 2>: error calling slice: cannot 3-index slice a string',
  },
  {
    template: '{{slice 3 1}}',
    error: 'template: :1:2: executing "" at <slice 3 1>: error calling slice: can\'t slice item of type int',
  },
  { template: '{{print 1 2 "a" "b" 3 4 nil}} {{print "a" 1}} {{print}}', text: '1 2ab3 4 <nil> a1 ' },
  { template: '{{println 1 "a" true}}', text: '1 a true\n' },
  {
    template: '{{printf "%s %d %v %q %t %x %X" "s" 42 "v" "q\\"" true "hex" 255}}',
    text: 's 42 v "q\\"" true 686578 FF',
  },
  {
    template: '{{printf "%-20s|%20s|%.2s|%5.2f|%05d|%+d|% d|%%" "left" "right" "abc" 3.14159 42 5 7}}',
    text: 'left                |               right|ab| 3.14|00042|+5| 7|%',
  },
  {
    template:
      '{{printf "%d" "a"}} {{printf "%s" 1}} {{printf "%d %d" 1}} {{printf "%d" 1 2 "x"}} {{printf "%!"}} {{printf "%"}} {{printf "%z" 1}}',
    text: '%!d(string=a) %!s(int=1) 1 %!d(MISSING) 1%!(EXTRA int=2, string=x) %!!(MISSING) %!(NOVERB) %!z(int=1)',
  },
  { template: '{{printf "%v %s %d" nil nil nil}}', text: '<nil> %!s(<nil>) %!d(<nil>)' },
  { template: '{{printf "%v %+v %#v" "a" 1 true}}', text: 'a 1 true' },
  {
    template: '{{printf "%q %v %s %x" .RepoTags .RepoTags .RepoTags .RepoTags}}',
    text: '["multi:1" "multi:2" "host.example:5000/x/multi:latest"] [multi:1 multi:2 host.example:5000/x/multi:latest] [multi:1 multi:2 host.example:5000/x/multi:latest] [6d756c74693a31 6d756c74693a32 686f73742e6578616d706c653a353030302f782f6d756c74693a6c6174657374]',
  },
  {
    template: '{{printf "%c %U %b %o %e %g %G" 65 65 5 8 12345.678 0.00001 1e100}}',
    text: 'A U+0041 101 10 1.234568e+04 1e-05 1E+100',
  },
  {
    template: '{{printf "%6.3f|%-8.1f|%08.3f|%+.2e" 3.14159 2.5 -3.14159 12345.678}}',
    text: ' 3.142|2.5     |-003.142|+1.23e+04',
  },
  { template: '{{printf "%*d|%-*d|%.*f" 5 42 5 42 2 3.14159}}', text: '   42|42   |3.14' },
  {
    template:
      '{{printf "%t" 1}} {{printf "%x" -255}} {{printf "%#x %#o" 255 8}} {{printf "%q" 65}} {{printf "%#q" "a"}}',
    text: "%!t(int=1) -ff 0xff 010 'A' `a`",
  },
  { template: '{{printf "%T %T %T %T %T" 1 1.5 "a" true nil}}', text: 'int float64 string bool <nil>' },
  {
    template: '{{printf "%T" .RepoTags}} {{printf "%T" .Size}} {{printf "%T" .Config.Labels}}',
    text: '[]string int64 map[string]string',
  },
  { template: '{{printf "%5t|%-7t|" true false}}', text: ' true|false  |' },
  { template: '{{printf "%5s|%-5s|%5q" "é" "é" "é"}}', text: '    é|é    |  "é"' },
  { template: '{{printf "%08b %o %O" 5 64 64}}', text: '00000101 100 0o100' },
  { template: '{{printf "%3c|%-3c|" 65 66}}', text: '  A|B  |' },
  { template: '{{printf "%[2]d %[1]d" 1 2}}', text: '2 1' },
  { template: '{{printf 3}}', error: 'template: :1:9: executing "" at <3>: expected string; found 3' },
  {
    template: '{{printf}}',
    error: 'template: :1:2: executing "" at <printf>: wrong number of args for printf: want at least 1 got 0',
  },
  {
    template: '{{html "<a href=\\"x\\">\'&"}} {{js "it\'s \\"<x>\\" = &\\n"}} {{urlquery "a b&c=d/é"}}',
    text: '&lt;a href=&#34;x&#34;&gt;&#39;&amp; it\\\'s \\"\\u003Cx\\u003E\\" \\u003D \\u0026\\u000A a+b%26c%3Dd%2F%C3%A9',
  },
  { template: '{{"quoted" | printf "%s-%s" "a"}} {{"a" | upper | printf "%q"}}', text: 'a-quoted "A"' },
  {
    template:
      '{{json "a<b>&\\"é\\u2028"}} {{json 1}} {{json 1.5}} {{json true}} {{json nil}} {{json .RepoTags}} {{json .Config.Labels}}',
    text: '"a<b>&\\"é\\u2028" 1 1.5 true null ["multi:1","multi:2","host.example:5000/x/multi:latest"] {"a":"1","foo":"","z":"<q>"}',
  },
  {
    template: '{{json}}',
    error: 'template: :1:2: executing "" at <json>: wrong number of args for json: want 1 got 0',
  },
  {
    template: '{{json 1 2}}',
    error: 'template: :1:2: executing "" at <json>: wrong number of args for json: want 1 got 2',
  },
  {
    template: '{{split "a,b,c" ","}} {{index (split "a,b,c" ",") 1}} {{split "abc" ""}} {{len (split "a" ",")}}',
    text: '[a b c] b [a b c] 1',
  },
  { template: '{{join (split "a,b,c" ",") "-"}}', text: 'a-b-c' },
  {
    template: '{{pad "x" 1 2}}|{{pad "" 1 2}}|{{truncate "abcdef" 3}}|{{truncate "ab" 3}}|{{truncate "ab" 2}}',
    text: ' x  ||abc|ab|ab',
  },
  {
    template: '{{pad "x" -1 2}}',
    error: 'template: :1:2: executing "" at <pad "x" -1 2>: error calling pad: strings: negative Repeat count',
  },
  { template: '{{pad 1 1 1}}', error: 'template: :1:6: executing "" at <1>: expected string; found 1' },
  { template: '{{truncate "ab" "c"}}', error: 'template: :1:16: executing "" at <"c">: expected integer; found "c"' },
  {
    template: '{{truncate "ab"}}',
    error: 'template: :1:2: executing "" at <truncate>: wrong number of args for truncate: want 2 got 1',
  },
  { template: 'a  {{- " b " -}}  c', text: 'a b c' },
  { template: 'a{{-3}}b', text: 'a-3b' },
  { template: '{{- -3 -}}', text: '-3' },
  { template: 'x {{- "a" }} y', text: 'xa y' },
  { template: '{{/* a */ -}}  b', text: 'b' },
  { template: '{{ /* c */ }}', error: 'template: :1: unexpected "/" in command', parse: true },
  { template: '{{.}}{{', error: 'template: :1: unclosed action', parse: true },
  { template: '{{}}', error: 'template: :1: missing value for command', parse: true },
  { template: '{{ }}', error: 'template: :1: missing value for command', parse: true },
  { template: '{{|}}', error: 'template: :1: unexpected "|" in command', parse: true },
  { template: '{{.Os|}}', text: 'linux' },
  { template: '{{.Os||len}}', error: 'template: :1: unexpected "|" in command', parse: true },
  { template: '{{,}}', error: 'template: :1: unexpected "," in command', parse: true },
  { template: '{{a.b}}', error: 'template: :1: function "a" not defined', parse: true },
  { template: '{{.Os.}}', error: 'template: :1: unexpected <.> in operand', parse: true },
  { template: '{{..}}', error: 'template: :1: unexpected <.> in operand', parse: true },
  { template: '{{.1}}', text: '0.1' },
  { template: '{{.Os .Id}}', error: 'template: :1:2: executing "" at <.Os>: Os is not a method but has arguments' },
  { template: '{{.ID .Os}}', error: 'template: :1:2: executing "" at <.ID>: ID is not a method but has arguments' },
  {
    template: '{{.RepoTags 1}}',
    error: 'template: :1:2: executing "" at <.RepoTags>: RepoTags is not a method but has arguments',
  },
  { template: '{{$.Os}} {{$.Config.User}}', text: 'linux u:g' },
  { template: '{{"a".b}}', error: 'template: :1: unexpected . after term "\\"a\\""', parse: true },
  {
    template: '{{(index .RootFS.Layers 0)}} {{(.Config).User}} {{((.Os))}}',
    text: 'sha256:3e0a95327a2b29ab6b99075700f32cf386f02d36033df095059bf61c96fc7a75 u:g linux',
  },
  {
    template: '{{(printf "%s" "x").y}}',
    error: 'template: :1:15: executing "" at <"x">: can\'t evaluate field y in type string',
  },
  { template: '{{(.Config.Labels).a}}', text: '1' },
  { template: '{{break}}', error: 'template: :1: {{break}} outside {{range}}', parse: true },
  { template: '{{range .RepoTags}}{{if eq . "multi:2"}}{{break}}{{end}}{{.}};{{end}}', text: 'multi:1;' },
  { template: '{{:=}}', error: 'template: :1: unexpected ":=" in command', parse: true },
  { template: '{{$a:=1}}{{$a}}', text: '1' },
  { template: '{{$a:=1}}{{$a:=2}}{{$a}}', text: '2' },
  { template: '{{1 := 2}}', error: 'template: :1: unexpected ":=" in operand', parse: true },
  { template: '{{:}}', error: 'template: :1: expected :=', parse: true },
  { template: '{{@}}', error: 'template: :1: unexpected "@" in command', parse: true },
  { template: '{{é}}', error: 'template: :1: function "é" not defined', parse: true },
  { template: '{{.é}}', error: 'template: :1:2: executing "" at <.é>: map has no entry for key "é"' },
  { template: '{{.Os}}{{"}}"}}', text: 'linux}}' },
  { template: 'line1', text: 'line1' },
  { template: '{{"multi" -}}   x   {{- " y"}}', text: 'multix y' },
  { template: '{{with $x := .Os}}{{$x}}{{end}}', text: 'linux' },
  { template: '{{range .Config.Env}}{{println .}}{{end}}', text: 'PATH=/bin\nX=1\n' },
  {
    template: '{{range $index, $value := .Config.Env}}{{if $index}}, {{end}}{{$value}}{{end}}',
    text: 'PATH=/bin, X=1',
  },
  {
    template:
      '{{.Config.ExposedPorts}} {{.Config.Volumes}} {{.Config.OnBuild}} {{.Config.Shell}} {{.Config.StopSignal}}',
    text: 'map[53/udp:{} 80/tcp:{}] map[/v:{}] [RUN x] [/bin/bash -c] SIGINT',
  },
  {
    template: '{{json .Config.Healthcheck}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Test}}',
    text: '{"Test":["CMD","true"],"Interval":1000000000,"Retries":3} 1s [CMD true]',
  },
  {
    template:
      '{{.Config.Healthcheck.Retries}} {{json .Config.Healthcheck.Interval}} {{printf "%d" .Config.Healthcheck.Interval}}',
    text: '3 1000000000 1000000000',
  },
  {
    template:
      '{{.ContainerConfig.Hostname}} {{.ContainerConfig.Cmd}} {{.ContainerConfig.Healthcheck}} {{.ContainerConfig.StopTimeout}}',
    text: 'abc [x] <nil> <nil>',
  },
  { template: '{{len .RootFS.Layers}}{{.RootFS.Type}}', text: '2layers' },
  { template: '{{.Author}} {{.Comment}} {{.DockerVersion}}', text: 'Jo <jo@x.y> & co last 20.10.1' },
  {
    template: '{{if .Config.Healthcheck}}h{{end}}{{if .ContainerConfig.Healthcheck}}c{{end}}{{if .Descriptor}}d{{end}}',
    text: 'h',
  },
  { template: '{{if eq .Architecture "amd64"}}x86{{end}}', text: 'x86' },
  { template: '{{range .Config.Labels}}{{.}}{{end}}', text: '1<q>' },
];
