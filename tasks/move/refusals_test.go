package move

import "remoterun/tasks/move/catalog"

type refusal struct {
	cluster catalog.Cluster
	major   int
	want    string
}

func refusals() []refusal {
	db := func(name string, allows bool) []catalog.Database {
		return []catalog.Database{{Name: name, Allows: allows}}
	}
	return []refusal{
		{catalog.Cluster{Version: 110005}, 17, "it is of PostgreSQL 11: 12 to 18 are moved; upgrade it to 12 first"},
		{catalog.Cluster{Version: 170002}, 16, "image img:16: it is of PostgreSQL 16, and the database of 17: no way leads back; name an image of PostgreSQL 17 or newer"},
		{catalog.Cluster{Version: 130009}, 14, "image img:16: it is of PostgreSQL 14, which is not maintained any more: nothing is moved there; name an image of PostgreSQL 15 or newer"},
		{catalog.Cluster{Version: 160002, Recovery: true}, 16, "it is in recovery, and takes no writes: it follows another server, or waits for WAL; move the server that it follows, or SELECT pg_promote() first"},
		{catalog.Cluster{Version: 160002, Spaces: []string{"fast"}}, 16, "it has tablespaces (fast)"},
		{catalog.Cluster{Version: 160002, Prepared: 2}, 16, "2 prepared transactions are open; COMMIT PREPARED or ROLLBACK PREPARED them"},
		{catalog.Cluster{Version: 160002, Databases: db("closed", false)}, 16, "database closed: it takes no connections"},
		{catalog.Cluster{Version: 170002, Databases: []catalog.Database{{Name: "app", Allows: true, Container: catalog.Contents{Methods: []string{"columnar"}}}}}, 17, "database app: it has tables of the access method columnar"},
		{catalog.Cluster{Version: 160002, Databases: db("a\nb", true)}, 16, "its name holds a control character; rename it"},
	}
}
