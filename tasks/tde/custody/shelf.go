package custody

import (
	"context"
	"time"

	"remoterun/runner/host"
	"remoterun/tasks/tde/seal"
)

// ShelfInfo is what the laptop's folder of one host's project holds: what plans
// rest on.
type ShelfInfo struct {
	Folder string
	Names  []string // complete copies, oldest first
	Head   string   // the newest copy that HEAD names
	// HeadWrong says that HEAD is there and not one plain line.
	HeadWrong bool
	// Seen is the newest generation that this laptop has opened, 0 = none yet; Back
	// says why what is here is a step back from that, "" = it is none.
	Seen int
	// Mixed says that the copies are of more than one keyring.
	Mixed bool
	Back  string
	// Damaged are copies whose files are not what they should be: LooseFact alone
	// lists them.
	Damaged []string
	Tips    []TipInfo
}

// TipInfo is one newest sealed copy.
type TipInfo struct {
	Name       string
	Generation int
	KeyringID  string
	Sums       map[string]string // SHA-256 by suffix
	Keys       []seal.ManifestKey
	Clusters   []string
	Made       time.Time
	By         string
}

func (i ShelfInfo) Has(name string) bool {
	for _, n := range i.Names {
		if n == name {
			return true
		}
	}
	return false
}

// ShelfFact asks what the laptop holds. Its error is an *ErrAnswer for a
// damaged folder or a rollback.
func (d Deps) ShelfFact(keysDir, project, hostname string) host.Fact[ShelfInfo] {
	store := d.Store(keysDir)
	return LaptopFact(d.Session, func(context.Context) (ShelfInfo, error) {
		shelf, err := store.Load(d.Sealer, project, hostname)
		if err != nil {
			return ShelfInfo{}, err
		}
		tips, err := shelf.Tips()
		if err != nil {
			return shelfInfo(shelf, tips), err
		}
		return d.withSeen(shelfInfo(shelf, tips), project, hostname)
	}, "shelf", store.Dir, project, hostname)
}

func shelfInfo(shelf Shelf, tips []seal.StoredCopy) ShelfInfo {
	i := ShelfInfo{Folder: shelf.Folder, Names: seal.Names(shelf.Copies), Head: shelf.Head.Name, HeadWrong: shelf.HeadWrong != "", Mixed: mixed(shelf.Copies) != ""}
	for _, c := range tips {
		i.Tips = append(i.Tips, tipInfo(c))
	}
	return i
}

func tipInfo(c seal.StoredCopy) TipInfo {
	return TipInfo{
		Name: c.Name, Generation: c.Manifest.Generation, KeyringID: c.Manifest.KeyringID,
		Sums: map[string]string{".enc": seal.HexSum(c.Enc), ".tag": seal.HexSum(c.Tag), ".json": c.Link()},
		Keys: c.Manifest.Keys, Clusters: c.Manifest.Clusters, Made: c.Manifest.Made, By: c.Manifest.By,
	}
}

// LooseFact is ShelfFact for who mends: it lists what is damaged, does not refuse a
// HEAD whose copy is gone, and its Tips are all copies.
func (d Deps) LooseFact(keysDir, project, hostname string) host.Fact[ShelfInfo] {
	store := d.Store(keysDir)
	return LaptopFact(d.Session, func(context.Context) (ShelfInfo, error) {
		shelf, err := store.LoadLoose(d.Sealer, project, hostname)
		if err != nil {
			return ShelfInfo{}, err
		}
		info := shelfInfo(shelf, shelf.Copies)
		for _, b := range shelf.Damaged {
			info.Damaged = append(info.Damaged, b.Name)
		}
		return d.withSeen(info, project, hostname)
	}, "loose shelf", store.Dir, project, hostname)
}
